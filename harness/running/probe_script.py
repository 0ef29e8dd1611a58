"""Run as a script: prints as JSON what TensorFlow sees of this machine; its log goes to standard error.

A process that has run nothing before shows the whole log.
"""

import json
from collections.abc import Callable
from typing import Any

__all__ = ["look", "place"]


def look(tf: Any) -> dict[str, Any]:
    """Ask TensorFlow for its build, devices and threads, and try each kind of work on the first GPU."""
    build = tf.sysconfig.get_build_info()
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Without it all of the GPU's memory would be taken, from whoever works there now.
        tf.config.experimental.set_memory_growth(gpu, True)
    return {
        "devices": [device.name for device in tf.config.list_physical_devices()],
        "gpus": len(gpus),
        "built_for_cuda": bool(build.get("is_cuda_build")),
        "cuda": build.get("cuda_version"),
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "placed": place(tf) if gpus else [],
    }


def place(tf: Any) -> list[dict[str, str]]:
    """Do a matrix product and a convolution on "/GPU:0"; tell for each on which device its result lies.

    With soft placement TensorFlow falls back to the CPU where it cannot do as it is told, and the device
    tells; without it the fall would be an exception, or not be noticed, as the caller's settings have it.
    """
    tf.config.set_soft_device_placement(True)

    def product() -> Any:
        ones = tf.ones((64, 64))
        return tf.linalg.matmul(ones, ones), 64

    def convolution() -> Any:
        return tf.nn.conv2d(tf.ones((1, 8, 8, 4)), tf.ones((3, 3, 4, 4)), 1, "VALID"), 36

    return [_try(tf, "matrix product", product), _try(tf, "convolution", convolution)]


def _try(tf: Any, name: str, work: Callable[[], Any]) -> dict[str, str]:
    try:
        with tf.device("/GPU:0"):
            result, expected = work()
        wrong = (result.numpy() != expected).any()
        return {"work": name, "device": result.device, "error": "its result is wrong" if wrong else ""}
    except Exception as error:  # whatever CUDA makes of it is what is to be told
        lines = str(error).strip().splitlines() or [""]
        return {"work": name, "device": "", "error": f"{type(error).__name__}: {lines[0]}"}


def main() -> None:
    """Print what TensorFlow sees as the last line."""
    import tensorflow as tf

    print("\n" + json.dumps(look(tf)))


if __name__ == "__main__":
    main()
