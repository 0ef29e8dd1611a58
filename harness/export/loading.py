"""A model file as a Keras model in this process.

The commands that use a model have one to load and end when it has answered, so they import
TensorFlow themselves: a worker would only be a second process to wait for.
"""

import os
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.quiet import quiet

__all__ = ["load_model"]


def load_model(path: Path) -> Any:
    """Load a model file; raise `UserError` if this Keras cannot, or if the file is damaged."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # remarks on how TensorFlow was built
    with quiet():
        import keras
        import tensorflow as tf

        tf.config.list_logical_devices()  # looks for GPUs, and complains where there are none
    try:
        return keras.models.load_model(path)
    except Exception as error:  # Keras raises almost anything for a file that does not suit it
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"Keras {keras.__version__} cannot load this model: {first}",
            where=str(path),
            hint="The file is damaged, or was written by a newer Keras: export it again, or update Keras.",
        ) from None
