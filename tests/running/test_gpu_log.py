"""Why no GPU is visible, read from logs as TensorFlow of several versions writes them."""

# Lines of logs are left as they are.
# ruff: noqa: E501

import pytest

from harness.running.gpu_log import last_error, missing_libraries, why_no_gpu

EVERY_MACHINE = """\
2025-03-01 10:00:00.111111: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see \
slightly different numerical results due to floating-point round-off errors from different computation orders.
2025-03-01 10:00:00.222222: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:477] Unable to register \
cuFFT factory: Attempting to register factory for plugin cuFFT when one has already been registered
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
E0000 00:00:1740823200.333333   12345 cuda_dnn.cc:8310] Unable to register cuDNN factory: Attempting to \
register factory for plugin cuDNN when one has already been registered
"""
CANNOT = """\
W0000 00:00:1740823203.444444   12345 gpu_device.cc:2344] Cannot dlopen some GPU libraries. Please make sure \
the missing libraries mentioned above are installed properly if you would like to use GPU. Follow the guide \
at https://www.tensorflow.org/install/gpu for how to download and setup the required libraries for your platform.
Skipping registering GPU devices...
"""


def failed(library: str, needed: str = "") -> str:
    return (
        "2025-03-01 10:00:03.123456: I external/local_xla/xla/tsl/platform/default/dso_loader.cc:70] Could not "
        f"load dynamic library '{library}'; dlerror: {needed or library}: cannot open shared object file: No "
        "such file or directory; LD_LIBRARY_PATH: /usr/local/nvidia/lib:/usr/local/nvidia/lib64\n"
    )


def opened(library: str) -> str:
    return (
        "2025-03-01 10:00:03.123456: I external/local_xla/xla/tsl/platform/default/dso_loader.cc:59] "
        f"Successfully opened dynamic library {library}\n"
    )


def why(log: str, *, built_for_cuda: bool = True, visible: str | None = None) -> str:
    return why_no_gpu(EVERY_MACHINE + log, built_for_cuda=built_for_cuda, visible=visible)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param(
            opened("libcudart.so.12") + failed("libcudnn.so.9") + failed("libcusolver.so.11") + CANNOT,
            "missing libraries: libcudnn.so.9, libcusolver.so.11; install the gpu extra",
            id="libraries that are named",
        ),
        pytest.param(
            failed("libcusolver.so.11", "libnvJitLink.so.12") + CANNOT,
            "missing libraries: libcusolver.so.11 (needs libnvJitLink.so.12); install the gpu extra",
            id="a library of a library",
        ),
        pytest.param(
            "2022-06-10 00:19:17.094577: W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could "
            "not load dynamic library 'cudart64_110.dll'; dlerror: cudart64_110.dll not found\n",
            "missing libraries: cudart64_110.dll; install the gpu extra",
            id="Windows",
        ),
        pytest.param(
            CANNOT,
            "libraries of CUDA or cuDNN are missing, and TensorFlow does not name them; install the gpu extra",
            id="libraries that are not named",
        ),
        pytest.param(
            failed("libcuda.so.1")
            + "2022-04-28 03:54:33.746027: W tensorflow/stream_executor/cuda/cuda_driver.cc:269] failed call to "
            "cuInit: UNKNOWN ERROR (303)\n",
            "missing library of the NVIDIA driver: libcuda.so.1; install NVIDIA's driver",
            id="the driver's library",
        ),
        pytest.param(
            "E0000 00:00:1775013762.112517   12260 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA "
            "error: Failed call to cuInit: UNKNOWN ERROR (303)\n",
            "the NVIDIA driver's library (libcuda.so.1) cannot be loaded: UNKNOWN ERROR (303); install NVIDIA's",
            id="the driver's library, not named",
        ),
        pytest.param(
            "2023-11-28 16:42:02.738968: E tensorflow/stream_executor/cuda/cuda_driver.cc:328] failed call to "
            "cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected\n",
            "the NVIDIA driver does not start: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected; see",
            id="no device",
        ),
        pytest.param(
            "2021-10-16 14:56:09.420644: E tensorflow/stream_executor/cuda/cuda_driver.cc:271] failed call to "
            "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported display driver / cuda driver "
            "combination\n"
            "2021-10-16 14:56:09.420791: E tensorflow/stream_executor/cuda/cuda_diagnostics.cc:313] kernel "
            "version 460.91.3 does not match DSO version 470.57.2 -- cannot find working devices in this "
            "configuration\n",
            "the NVIDIA driver's kernel module is version 460.91.3, its libraries are 470.57.2; restart",
            id="a driver in two versions",
        ),
        pytest.param(
            "E0000 00:00:1795335034.636326   12080 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA "
            "error: Failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown error\n"
            "I0000 00:00:1795335039.124892   12090 cuda_diagnostics.cc:145] kernel driver does not appear to be "
            "running on this host (vm): /proc/driver/nvidia/version does not exist\n",
            "the NVIDIA driver's kernel module does not run on this machine; install NVIDIA's driver",
            id="a driver that does not run",
        ),
        pytest.param(
            "I0000 00:00:1795335034.636274   12080 dso_loader.cc:144] Could not load dynamic library "
            "'libcuda.so.1'; dlerror: libcuda.so.1: cannot open shared object file: No such file or directory\n"
            "E0000 00:00:1795335034.636326   12080 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA "
            "error: Failed call to cuInit: UNKNOWN ERROR (303)\n"
            "I0000 00:00:1795335039.124892   12090 cuda_diagnostics.cc:145] kernel driver does not appear to be "
            "running on this host (vm): /proc/driver/nvidia/version does not exist\n",
            "missing library of the NVIDIA driver: libcuda.so.1; install NVIDIA's driver",
            id="a machine without any of it, as TensorFlow 2.21 tells",
        ),
        pytest.param(
            "2024-02-19 20:35:30.820121: I external/local_tsl/tsl/cuda/cudart_stub.cc:31] Could not find cuda "
            "drivers on your machine, GPU will not be used.\n",
            "no NVIDIA driver was found; install NVIDIA's driver, or start the container with its GPUs",
            id="no driver",
        ),
        pytest.param(
            "2024-02-19 20:35:30.820121: I tensorflow/core/common_runtime/gpu/gpu_device.cc:2500] Ignoring "
            "visible gpu device (device: 0, name: Tesla K10, pci bus id: 0000:05:00.0, compute capability: "
            "3.0) with Cuda compute capability 3.0. The minimum required Cuda capability is 3.5.\n",
            "TensorFlow passes over the GPU: (device: 0, name: Tesla K10, ",
            id="an old GPU",
        ),
        pytest.param("", "TensorFlow's log does not say why; `nvidia-smi` tells", id="nothing"),
    ],
)
def test_the_reason_is_told_in_words_with_what_to_do(log: str, expected: str):
    assert why(log).startswith(expected)


def test_a_missing_driver_comes_before_the_libraries_that_need_it():
    assert why(failed("libcudart.so.12") + failed("libcuda.so.1")).startswith(
        "missing library of the NVIDIA driver: libcuda.so.1;"
    )


def test_the_drivers_management_library_is_a_reason_only_where_there_is_no_other():
    management = failed("libnvidia-ml.so.1")
    assert why(management).startswith(
        "missing library of the NVIDIA driver: libnvidia-ml.so.1; install NVIDIA"
    )
    assert why(management + failed("libcudnn.so.9")).startswith(
        "missing libraries: libcudnn.so.9; install the"
    )


def test_libraries_that_gpus_can_do_without_are_no_reason():
    log = failed("libnvinfer.so.8") + failed("libnvinfer_plugin.so.8")
    assert missing_libraries(log) == []
    assert why(log).startswith("TensorFlow's log does not say why")


def test_a_library_that_was_found_in_a_second_place_is_not_missing():
    log = failed("libcudnn.so.9") + opened("libcudnn.so.9") + failed("libcufft.so.11")
    assert missing_libraries(log) == ["libcufft.so.11"]


def test_a_library_that_fails_twice_is_named_once():
    assert missing_libraries(failed("libcudnn.so.9") * 2) == ["libcudnn.so.9"]


def test_a_build_without_cuda_is_the_reason_whatever_the_log_says():
    assert why(CANNOT, built_for_cuda=False).startswith("this TensorFlow is built without CUDA; install")


@pytest.mark.parametrize("visible", ["", " ", "-1"])
def test_gpus_that_are_hidden_are_the_reason(visible: str):
    assert why(CANNOT, visible=visible) == (
        f"CUDA_VISIBLE_DEVICES is {visible!r}, which hides every GPU; unset it"
    )


def test_a_choice_of_gpus_is_told_beside_the_reason():
    assert why(CANNOT, visible="7").endswith(" (CUDA_VISIBLE_DEVICES is '7')")


def test_the_last_error_is_one_that_not_every_machine_logs():
    mismatch = "Loaded runtime CuDNN library: 9.1.0 but source was compiled with: 9.3.0."
    log = EVERY_MACHINE + f"E0000 00:00:1740823209.555555   12345 cuda_dnn.cc:522] {mismatch}\n"
    assert last_error(log) == mismatch
    old = (
        f"2024-02-19 20:35:30.820121: E tensorflow/compiler/xla/stream_executor/cuda_dnn.cc:417] {mismatch}\n"
    )
    assert last_error(EVERY_MACHINE + old) == mismatch
    assert last_error(EVERY_MACHINE + CANNOT) == ""
