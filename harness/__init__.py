"""transferbench: which backbone and strategy for your images, and how sure is that.

The package measures transfer learning with Keras: it trains every cell of a matrix (backbone x
strategy x recipe x seed) in a process of its own, keeps one record a cell, and renders
comparisons from the records alone.  The flow goes one way::

    matrix -> plan -> cells -> worker process -> record -> leaderboard

Importing this package imports neither TensorFlow nor Keras; `harness.training`,
`harness.timing` and the worker do.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
