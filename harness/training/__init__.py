"""Models and their training, written against the Keras 3 API.

base (a backbone with its weights) -> freezing (depth, batch norm) -> classifier (trunk, tail
and head) -> features (the frontier at the cut, computed once) -> fit (phases and epochs).
"""
