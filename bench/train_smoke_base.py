"""Train the small base of the smoke and CI matrices, so that transfer works without a network.

What: MobileNet 0.25 learns the source classes of `harness.data.synthetic` from scratch; its
weights without head go to `harness/assets/smoke-base.weights.h5`, and how they were made to
`harness/assets/smoke-base.json`.  The smoke matrix then transfers it to the target classes, which
share no combination of shape and texture with the source classes.
Cost: about 6 minutes on 2 idle cores, 1.7 GB of memory.
Expected: held-out source accuracy above 0.9 in inference mode.
Command: nox -s train-smoke-base
"""

import json
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from harness.data.decode import resize
from harness.data.synthetic import SOURCE_CLASSES, draw

ASSETS = Path(__file__).resolve().parents[1] / "harness" / "assets"

SEED = 0
SIZE = 64
TRAINING_IMAGES = 12_000
HELD_OUT_IMAGES = 800
SETTLING_IMAGES = 4_000
EPOCHS = 18
BATCH = 32
LEARNING_RATE = 6e-3
SHIFT = 4
MINIMUM_ACCURACY = 0.9


def main() -> None:
    """Draw, train, settle the moving statistics, check, write."""
    began = time.perf_counter()
    keras.utils.set_random_seed(SEED)
    images, labels = drawn("train", TRAINING_IMAGES)
    held_out = drawn("test", HELD_OUT_IMAGES)
    print(f"drew {TRAINING_IMAGES + HELD_OUT_IMAGES} images: {time.perf_counter() - began:.0f} s")
    base = keras.applications.MobileNet(
        weights=None, include_top=False, alpha=0.25, input_shape=(SIZE, SIZE, 3)
    )
    model = with_head(base)
    train(model, images, labels, held_out)
    settle(base, images[:SETTLING_IMAGES])
    loss, accuracy = model.evaluate(*held_out, batch_size=BATCH, verbose=0)
    seconds = time.perf_counter() - began
    print(f"held-out source accuracy {accuracy:.4f}, loss {loss:.4f}, {seconds:.0f} s in all")
    if accuracy < MINIMUM_ACCURACY:
        raise SystemExit(
            f"expected a held-out source accuracy of at least {MINIMUM_ACCURACY}, "
            f"got {accuracy:.4f}: nothing written"
        )
    write(base, accuracy, seconds)


def drawn(stream: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return source images, shape (count, 64, 64, 3), and their labels."""
    labels = np.arange(count) % len(SOURCE_CLASSES)

    def image(index: int) -> NDArray[np.uint8]:
        pixels = draw(SOURCE_CLASSES, int(labels[index]), SEED, stream, index)
        return resize(pixels, SIZE, "bilinear")

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(image, range(count)))), labels


def with_head(base: keras.Model) -> keras.Model:
    """Put MobileNet's preprocessing before the base and a linear classifier behind it."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(base(x))
    outputs = keras.layers.Dense(len(SOURCE_CLASSES))(x)
    return keras.Model(inputs, outputs)


def train(
    model: keras.Model,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    held_out: tuple[NDArray[np.uint8], NDArray[np.int64]],
) -> None:
    """Fit with Adam under a one-cycle rate: a short rise, then a cosine to zero."""
    steps = EPOCHS * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 10,
        decay_steps=steps - steps // 10,
        warmup_target=LEARNING_RATE,
        warmup_steps=steps // 10,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA is slower on the CPU
    )
    generator = np.random.default_rng(SEED)
    for epoch in range(EPOCHS):
        model.fit(
            varied(images, generator),
            labels,
            batch_size=BATCH,
            initial_epoch=epoch,
            epochs=epoch + 1,
            validation_data=held_out if epoch % 4 == 3 else None,
            verbose=2,
        )


def varied(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror, shift, invert and permute the channels of each image at random.

    None of it changes the class, and it stands for many more images than are drawn.
    """
    result = np.empty_like(images)
    for number, image in enumerate(images):
        permuted = image[..., generator.permutation(3)]
        mirrored = permuted[:, :: generator.choice((-1, 1))]
        shifted = np.pad(mirrored, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")
        top, left = generator.integers(0, 2 * SHIFT + 1, size=2)
        shifted = shifted[top : top + SIZE, left : left + SIZE]
        result[number] = 255 - shifted if generator.integers(2) else shifted
    return result


def settle(base: keras.Model, images: NDArray[np.uint8]) -> None:
    """Replace the batch norms' moving statistics by plain means over batches of training images.

    With the momentum of 0.99 they trail the weights of the last epochs; the k-th batch enters
    here with weight 1/k instead.
    """
    norms = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]
    usual = [layer.momentum for layer in norms]
    for number, start in enumerate(range(0, len(images), 10 * BATCH), start=1):
        for layer in norms:
            layer.momentum = 1 - 1 / number
        batch = images[start : start + 10 * BATCH].astype(np.float32) / 127.5 - 1
        base(batch, training=True)
    for layer, momentum in zip(norms, usual, strict=True):
        layer.momentum = momentum


def write(base: keras.Model, accuracy: float, seconds: float) -> None:
    """Write the weights and the facts of their making."""
    ASSETS.mkdir(exist_ok=True)
    base.save_weights(ASSETS / "smoke-base.weights.h5")
    facts = {
        "architecture": "MobileNet, alpha 0.25, without top",
        "preprocessing": "tf",
        "made_by": "bench/train_smoke_base.py",
        "classes": SOURCE_CLASSES,
        "size": SIZE,
        "seed": SEED,
        "training_images": TRAINING_IMAGES,
        "held_out_images": HELD_OUT_IMAGES,
        "held_out_accuracy": round(accuracy, 4),
        "epochs": EPOCHS,
        "batch": BATCH,
        "peak_learning_rate": LEARNING_RATE,
        "seconds": round(seconds),
        "versions": {
            "python": platform.python_version(),
            "keras": keras.__version__,
            keras.backend.backend(): version(keras.backend.backend()),
            "numpy": np.__version__,
        },
    }
    text = json.dumps(facts, indent=2) + "\n"
    (ASSETS / "smoke-base.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
