"""transferbench: which backbone and strategy for your images, and how sure is that.

The package measures transfer learning with Keras: it trains every cell of a matrix (backbone x
strategy x recipe x seed) in a process of its own, keeps one record a cell, and renders
comparisons from the records alone.  The flow goes one way::

    matrix -> plan -> cells -> worker process -> record -> leaderboard

Importing this package imports neither TensorFlow nor Keras; `harness.training`,
`harness.timing` and the worker do.  `harness.load` reads a run into a pandas frame.
"""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(*runs: str | PathLike[str]) -> "pd.DataFrame":
    """The records of one or several runs as a tidy pandas frame, a row a record, failures among them.

    `transferbench schema table` tells what each column means, with its unit; `harness.analysis.frame` has
    the dtypes.  Raises `harness.errors.UserError` for a folder that holds no run or a damaged record.
    """
    from harness.analysis.frame import load as read  # pandas takes longer to import than this package should

    return read(*runs)
