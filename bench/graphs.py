"""Letting go of the train steps of earlier cells, which TensorFlow keeps for as long as the process lives.

Keras' optimizers sum gradients over replicas, with one replica too.  In a graph that sum has a gradient of
its own, which TensorFlow 2.21 registers under a new name at each trace and never takes back; it holds the
graph of the train step, and with it weights and slots: some 11 GB over the 38 backbones of a suite.
"""

import gc
from typing import Any

__all__ = ["let_go"]

_NAMES = "CustomGradient-"


def let_go() -> None:
    """Free the models and traced steps that nothing else holds; no graph of before may be derived again."""
    import keras
    from tensorflow.python.framework import ops

    # There is no public way; where another version keeps it elsewhere, tests/test_bench_graphs.py fails.
    registered: dict[str, Any] = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith(_NAMES)]:
        del registered[name]
    keras.utils.clear_session()
    gc.collect()
