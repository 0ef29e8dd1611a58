"""Real mistakes, each as an exact change of the package's text, and what is expected to catch it.

`bench/run_mutations.py` plants them one at a time in a copy and says which finding of `compare` catches each.
A text that is no longer there once, and once only, is an error: the mistake has to be made anew where the
code has gone.

Of the forgotten recompile the silent form is planted: a model that has trained gets another depth, and its
train step stays that of the old one.  Two others are not.  To compile before the depth is set is no mistake
here, because Keras asks what trains when the step is first traced; and a model that is never compiled has no
optimizer, and breaks off loudly.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MUTATIONS", "SLOW_STEP", "Change", "Mutation", "StaleMutationError", "plant"]


class StaleMutationError(Exception):
    """The text that a mutation replaces is not in its file, or not just once."""


@dataclass(frozen=True)
class Change:
    """One replacement in a file of the package; `path` is below `harness/`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutation:
    """One mistake: a short name, what it is in words, its changes, the cells that show it, what catches it.

    `cells` are parts of cell names of `bench/matrices/ci.toml`.  `by` are the fields or kinds of findings of
    which one at least must fail.  `unseen` says why no check of the subset can see the mistake, and what does
    instead; "" for one that is expected to be caught.
    """

    name: str
    what: str
    changes: tuple[Change, ...]
    cells: tuple[str, ...]
    by: tuple[str, ...] = ()
    unseen: str = ""


def plant(mutation: Mutation, package: Path) -> None:
    """Make the mistake in a copy of the package; raises `StaleMutationError` where its text has gone."""
    for change in mutation.changes:
        file = package / change.path
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if text.count(change.old) != 1:
            raise StaleMutationError(
                f"{mutation.name}: expected this text once in harness/{change.path}, found it "
                f"{text.count(change.old)} times:\n{change.old}"
            )
        file.write_text(text.replace(change.old, change.new), encoding="utf-8")


FAST = "smoke-base/fast-extraction/none/ci/64px/seed0"
OTHER_SEED = "smoke-base/fast-extraction/none/ci/64px/seed1"
AUGMENTED = "smoke-base/augmented-extraction/none/ci/"
LONG = "smoke-base/augmented-extraction/none/ci-augmented/"
TUNED = "smoke-base/fine-tuning/blocks:1/ci/"

ANSWERS = ("test_accuracy", "test_loss")
TRAINED = ("parameters_trainable", "variables_trained", "variables_moved", "frozen_sha256")

MUTATIONS = (
    Mutation(
        "labels-shuffled",
        "features are extracted in a shuffled order, labels stay in the manifest's",
        (
            Change(
                "training/features.py",
                "trunk.predict_on_batch(pixels[rows])",
                "trunk.predict_on_batch(\n"
                "                pixels[np.random.default_rng(0).permutation(len(pixels))[rows]]\n"
                "            )",
            ),
        ),
        (FAST,),
        by=ANSWERS,
    ),
    Mutation(
        "other-preprocessing",
        "every backbone gets the preprocessing of VGG16",
        (Change("training/base.py", "getattr(keras.applications, row.module)", "keras.applications.vgg16"),),
        (FAST, TUNED),
        by=ANSWERS,
    ),
    Mutation(
        "batch-norm-trains",
        "batch norm of the pretrained base is left in training mode",
        (Change("training/freezing.py", " and id(operation) not in norms", ""),),
        (TUNED,),
        by=("status",),
    ),
    Mutation(
        "no-recompile",
        "the base is unfrozen after fine-tuning's first epoch, and the model is not compiled again",
        (
            Change(
                "training/fit.py",
                "        make_variables(trained, self._labels[:1])\n",
                "        self.base.trainable = False\n        make_variables(trained, self._labels[:1])\n",
            ),
            # The depth is set as it should be; what is compiled with it is not the model that trains.
            Change(
                "training/fit.py",
                "                self.history.append(done)\n",
                "                self.history.append(done)\n"
                "                compile_at_depth(keras.Sequential(), self.base, cut, 'sgd', 'mse')\n",
            ),
        ),
        (TUNED,),
        # The training itself finds that no variable of the base moved, and gives no result.
        by=("status",),
    ),
    Mutation(
        "no-unfreezing",
        "the depth has no effect: fine-tuning trains the head alone",
        (Change("training/freezing.py", "index >= cut.index and", "False and"),),
        (TUNED,),
        by=TRAINED,
    ),
    Mutation(
        "base-not-frozen",
        "the frozen base trains with the head",
        (Change("training/freezing.py", " index >= cut.index and", ""),),
        (AUGMENTED,),
        by=TRAINED,
    ),
    Mutation(
        "augmentation-cached",
        "every epoch sees the augmented images of the first one",
        (Change("training/fit.py", "epoch=epoch,\n            )", "epoch=1,\n            )"),),
        (LONG,),
        by=("gap", *ANSWERS),
    ),
    Mutation(
        "no-augmentation",
        "training images are not augmented",
        (Change("training/fit.py", "transforms if phase.augmented else None", "None"),),
        (LONG,),
        by=("gap",),
    ),
    Mutation(
        "validation-in-training",
        "the validation images are trained on too",
        (
            Change(
                "training/splits.py",
                "np.flatnonzero(names == name)",
                'np.flatnonzero((names == name) | ((name == "train") & (names == "validation")))',
            ),
        ),
        (FAST,),
        by=("images",),
    ),
    Mutation(
        "validated-on-training",
        "what is called validation are the training images",
        (Change("training/splits.py", 'part("validation"), TestSplit', 'part("train"), TestSplit'),),
        (FAST,),
        by=("validation_images",),
    ),
    Mutation(
        "chosen-on-test",
        "the best epoch is chosen on the test images",
        (
            Change(
                "running/cell.py",
                "        validation=validation,\n",
                "        validation=type(validation)(test.pixels, test._labels, test.ids),\n",
            ),
        ),
        (FAST,),
        by=("validation_images",),
    ),
    Mutation(
        "learning-rate-x10",
        "every learning rate is ten times what the recipe says",
        (Change("training/fit.py", "return phase.learning_rate", "return 10 * phase.learning_rate"),),
        (FAST, AUGMENTED, TUNED),
        by=("learning_rate",),
    ),
    Mutation(
        "channels-decoded",
        "images are decoded with red and blue swapped",
        (Change("data/pixels.py", "read(entry), size, method)", "read(entry), size, method)[..., ::-1]"),),
        (FAST,),
        by=("pixels_sha256",),
    ),
    Mutation(
        "channels-in-the-model",
        "the model swaps red and blue before preprocessing",
        (
            Change(
                "training/classifier.py",
                "preprocess(row, recipe.preprocessing, images)",
                "preprocess(row, recipe.preprocessing, images[..., ::-1])",
            ),
        ),
        (FAST, TUNED),
        unseen="no class of the synthetic images is told by its colours; test_classifier.py sees it",
    ),
    Mutation(
        "interpolation",
        "images are resized by nearest neighbour where bilinear was asked for",
        (Change("data/decode.py", "Image.Resampling.BILINEAR", "Image.Resampling.NEAREST"),),
        (FAST,),
        by=("pixels_sha256",),
    ),
    Mutation(
        "last-batch-dropped",
        "evaluation drops the last, smaller batch, and counts what is left",
        (
            Change("training/scoring.py", "(0, images, batch)", "(0, images - images % batch, batch)"),
            Change(
                "training/scoring.py",
                "return Score(",
                "labels = labels[: len(probabilities)]\n    return Score(",
            ),
            # Consistently, as who writes it would: a record that contradicts itself is refused by any reader.
            Change("running/cell.py", "test_images=len(test.ids)", "test_images=len(probabilities)"),
            Change(
                "running/cell.py",
                "Predictions(np.array(test.ids), labels, probabilities)",
                "Predictions(*(each[: len(probabilities)] for each in (np.array(test.ids), labels)), "
                "probabilities)",
            ),
        ),
        (FAST,),
        by=("test_images", "predictions", "validation_images"),
    ),
    Mutation(
        "last-features-empty",
        "the features of the last, smaller batch are never computed and stay zero",
        (Change("training/features.py", "len(pixels), batch)", "len(pixels) - batch + 1, batch)"),),
        (FAST,),
        by=ANSWERS,
    ),
    Mutation(
        "seed-ignored",
        "head and order are drawn from seed 0 whatever the cell says",
        (
            Change("training/fit.py", "set_random_seed(self.seed)", "set_random_seed(0)"),
            Change("training/fit.py", "seed=self.seed, phase=number", "seed=0, phase=number"),
        ),
        (FAST, OTHER_SEED),
        by=("seed",),
    ),
    Mutation(
        "twice-the-memory",
        "every epoch leaves a copy of the training images behind, as 64-bit floats",
        (
            Change(
                "training/fit.py",
                "        began = time.perf_counter()\n        logs = trained.fit(",
                "        left = self.__dict__.setdefault('left', [])\n"
                "        left.append(np.array(self.train.pixels, np.float64))\n"
                "        began = time.perf_counter()\n        logs = trained.fit(",
            ),
        ),
        (AUGMENTED,),
        by=("peak_memory_bytes",),
    ),
    Mutation(
        "weights-not-loaded",
        "the pretrained weights are not loaded",
        (Change("training/base.py", "if weights is not None:", "if weights is None:"),),
        (FAST,),
        by=("frozen_sha256", *ANSWERS),
    ),
    Mutation(
        "dropout-in-prediction",
        "dropout stays on in validation and test",
        (
            Change(
                "training/scoring.py",
                "classifier.predict_on_batch(rows[0] if len(rows) == 1 else rows)",
                "np.asarray(classifier(rows[0] if len(rows) == 1 else rows, training=True))",
            ),
        ),
        (FAST,),
        unseen="half of 256 units answer nearly as the whole does: the mean loss rises by 0.0042 nats (95 % "
        "interval up to +0.0097), below the margin of 0.01; test_scoring.py sees it",
    ),
    Mutation(
        "one-block-deeper",
        "fine-tuning trains one block more than the depth says",
        (Change("training/cut.py", "len(row.blocks) - depth.count)", "len(row.blocks) - depth.count - 1)"),),
        (TUNED,),
        by=("boundary", *TRAINED),
    ),
    Mutation(
        "an-epoch-less",
        "every phase ends an epoch early",
        (Change("training/fit.py", "range(1, phase.epochs + 1)", "range(1, phase.epochs)"),),
        (FAST,),
        by=("epochs",),
    ),
    Mutation(
        "last-epoch-kept",
        "the weights of the last epoch count instead of those of the best",
        (Change("training/fit.py", "zip(state, kept, strict=True)", "()"),),
        (FAST, TUNED),
        by=("test_loss",),
    ),
    Mutation(
        "traced-every-epoch",
        "the train step is built, and so traced, anew in every epoch",
        (
            Change(
                "training/fit.py",
                "        logs = trained.fit(",
                "        trained.make_train_function(force=True)\n        logs = trained.fit(",
            ),
        ),
        (AUGMENTED,),
        by=("train_traces",),
    ),
    Mutation(
        "traces-not-recorded",
        "the traces of the train step are no longer recorded",
        (Change("training/fit.py", "        self.traces[phase.name] = traces.count\n", ""),),
        (FAST,),
        by=("train_traces",),
    ),
)
"""The mistakes that `check-regressions` meets, in the order of the table that is printed."""

SLOW_STEP = Mutation(
    "slow-step",
    "every step takes 30 % more time",
    (
        Change(
            "timing/steps.py",
            "        for _ in range(steps):\n            step()\n",
            "        for _ in range(steps):\n            step()\n"
            "        ended = clock() + 0.3 * (clock() - began)\n"
            "        while clock() < ended:\n            pass\n",
        ),
    ),
    (),
    by=("step_ms",),
)
"""The mistake that shared machines cannot tell from noise: `compare --dedicated` is asked."""
