"""What TensorFlow tells of its devices: which are visible, threads, and a GPU's peak memory."""

from typing import Any

__all__ = ["gpu_peak_bytes", "placed_on", "reset_gpu_peak", "thread_counts", "visible_devices"]

_GPU = "GPU:0"


def visible_devices() -> tuple[str, ...]:
    """The names of the devices that this process uses."""
    import tensorflow as tf

    return tuple(device.name for device in tf.config.get_visible_devices())


def thread_counts() -> dict[str, int]:
    """TensorFlow's thread counts; 0 means that it chooses by the number of cores."""
    import tensorflow as tf

    return {
        "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
    }


def placed_on(result: Any) -> str:
    """The kind of device that the first tensor of a result lies on: "cpu" or "gpu"."""
    import tensorflow as tf

    tensors = [each for each in tf.nest.flatten(result) if hasattr(each, "device")]
    device = tf.DeviceSpec.from_string(tensors[0].device).device_type if tensors else None
    return str(device or "unknown").lower()


def reset_gpu_peak() -> None:
    """Begin a new peak; without a GPU nothing happens."""
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        tf.config.experimental.reset_memory_stats(_GPU)


def gpu_peak_bytes() -> int | None:
    """The most that tensors took on the GPU since the reset; None without a GPU.

    It is what was needed, not what the allocator has reserved, which is what nvidia-smi shows.
    """
    import tensorflow as tf

    if not tf.config.get_visible_devices("GPU"):
        return None
    return int(tf.config.experimental.get_memory_info(_GPU)["peak"])
