"""Real mistakes, each as an exact change of the package's text, and what is expected to catch it.

`bench/run_mutations.py` plants them one at a time in a copy and says which finding of `compare` catches each.
A text that is no longer there once, and once only, is an error: the mistake has to be made anew where the
code has gone.
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
    """One mistake: a short name, what it is in words, its changes, and the cells that show it.

    `cells` are parts of cell names of `bench/matrices/ci.toml`.  `unseen` says why no check of the subset
    can see it, and what does instead; "" for a mistake that is expected to be caught.
    """

    name: str
    what: str
    changes: tuple[Change, ...]
    cells: tuple[str, ...]
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
    ),
    Mutation(
        "other-preprocessing",
        "every backbone gets the preprocessing of VGG16",
        (Change("training/base.py", "getattr(keras.applications, row.module)", "keras.applications.vgg16"),),
        (FAST, TUNED),
    ),
    Mutation(
        "batch-norm-trains",
        "batch norm of the pretrained base is left in training mode",
        (Change("training/freezing.py", " and id(operation) not in norms", ""),),
        (TUNED,),
    ),
    Mutation(
        "no-recompile",
        "the model of fine-tuning's second phase is not compiled",
        (Change("training/freezing.py", "    model.compile(", "    cut.boundary or model.compile("),),
        (TUNED,),
    ),
    Mutation(
        "no-unfreezing",
        "the depth has no effect: fine-tuning trains the head alone",
        (
            Change(
                "training/freezing.py",
                "operation.trainable = index >= cut.index and",
                "operation.trainable = False and",
            ),
        ),
        (TUNED,),
    ),
    Mutation(
        "base-not-frozen",
        "the frozen base trains with the head",
        (
            Change(
                "training/freezing.py",
                "operation.trainable = index >= cut.index and",
                "operation.trainable =",
            ),
        ),
        (AUGMENTED,),
    ),
    Mutation(
        "augmentation-cached",
        "every epoch sees the augmented images of the first one",
        (
            Change(
                "training/fit.py",
                "                epoch=epoch,\n            )\n            batches",
                "                epoch=1,\n            )\n            batches",
            ),
        ),
        (LONG,),
    ),
    Mutation(
        "no-augmentation",
        "training images are not augmented",
        (Change("training/fit.py", "transforms if phase.augmented else None", "None"),),
        (LONG,),
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
    ),
    Mutation(
        "validated-on-training",
        "what is called validation are the training images",
        (Change("training/splits.py", 'part("validation"), TestSplit', 'part("train"), TestSplit'),),
        (FAST,),
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
    ),
    Mutation(
        "learning-rate-x10",
        "every learning rate is ten times what the recipe says",
        (
            Change(
                "training/fit.py",
                "            return phase.learning_rate\n",
                "            return 10 * phase.learning_rate\n",
            ),
        ),
        (FAST, AUGMENTED, TUNED),
    ),
    Mutation(
        "channels-decoded",
        "images are decoded with red and blue swapped",
        (
            Change(
                "data/pixels.py",
                "resize(source.read(entry), size, method)",
                "resize(source.read(entry), size, method)[..., ::-1]",
            ),
        ),
        (FAST,),
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
        (
            Change(
                "data/decode.py",
                '"bilinear": Image.Resampling.BILINEAR',
                '"bilinear": Image.Resampling.NEAREST',
            ),
        ),
        (FAST,),
    ),
    Mutation(
        "last-batch-dropped",
        "evaluation drops the last, smaller batch",
        (
            Change(
                "training/scoring.py",
                "range(0, images, batch)",
                "range(0, images - images % batch, batch)",
            ),
            Change(
                "training/scoring.py",
                "    return Score(\n",
                "    labels = labels[: len(probabilities)]\n    return Score(\n",
            ),
        ),
        (FAST,),
    ),
    Mutation(
        "last-features-empty",
        "the features of the last, smaller batch are never computed and stay zero",
        (
            Change(
                "training/features.py",
                "range(0, len(pixels), batch)",
                "range(0, len(pixels) - batch + 1, batch)",
            ),
        ),
        (FAST,),
    ),
    Mutation(
        "seed-ignored",
        "head and order are drawn from seed 0 whatever the cell says",
        (
            Change(
                "training/fit.py", "keras.utils.set_random_seed(self.seed)", "keras.utils.set_random_seed(0)"
            ),
            Change(
                "training/fit.py",
                "seed=self.seed, phase=number, epoch=epoch)",
                "seed=0, phase=number, epoch=epoch)",
            ),
        ),
        (FAST, OTHER_SEED),
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
    ),
    Mutation(
        "weights-not-loaded",
        "the pretrained weights are not loaded",
        (
            Change(
                "training/base.py",
                "    if weights is not None:\n        try:",
                "    if weights is None:\n        try:",
            ),
        ),
        (FAST,),
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
        unseen="half of 256 units answer as the whole does, to 0.005 nats; test_scoring.py sees it",
    ),
    Mutation(
        "one-block-deeper",
        "fine-tuning trains one block more than the depth says",
        (Change("training/cut.py", "len(row.blocks) - depth.count)", "len(row.blocks) - depth.count - 1)"),),
        (TUNED,),
    ),
    Mutation(
        "an-epoch-less",
        "every phase ends an epoch early",
        (Change("training/fit.py", "range(1, phase.epochs + 1)", "range(1, phase.epochs)"),),
        (FAST,),
    ),
    Mutation(
        "last-epoch-kept",
        "the weights of the last epoch count instead of those of the best",
        (Change("training/fit.py", "zip(state, kept, strict=True)", "()"),),
        (FAST, TUNED),
        unseen="the last epoch is as good as the best here; test_fit.py sees it",
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
)
"""The mistake that shared machines cannot tell from noise: `compare --dedicated` is asked."""
