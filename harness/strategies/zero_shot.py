"""Zero shot, a control: the ImageNet head itself, nothing trained.

ImageNet has 5 classes of domestic cats and 118 breeds of dogs; the probability of an image's being
a cat is that of all cat classes together against that of all dog classes.  So it applies to the
classes cat and dog and to no others, at the size that the head was trained for.
"""

from harness.strategies.strategy import Strategy

__all__ = ["STRATEGY", "imagenet_classes"]

# Numbers of the ILSVRC 2012 classes in Keras' order: tabby, tiger, Persian, Siamese and Egyptian cat;
# Chihuahua to Mexican hairless.  Wild cats and wild dogs have numbers of their own.
_CLASSES = {"cat": range(281, 286), "dog": range(151, 269)}


def imagenet_classes(classes: tuple[str, ...]) -> tuple[tuple[int, ...], ...] | None:
    """The ImageNet classes that make up each of these classes; None if they are not cats and dogs."""
    singular = [label.casefold().removesuffix("s") for label in classes]
    if sorted(singular) != sorted(_CLASSES):
        return None
    return tuple(tuple(_CLASSES[label]) for label in singular)


def _unsuited(classes: tuple[str, ...]) -> str:
    if imagenet_classes(classes) is not None:
        return ""
    return "zero-shot tells cats from dogs by ImageNet's own classes; these classes are others"


STRATEGY = Strategy(
    name="zero-shot",
    summary="the ImageNet head itself, cats against dogs (a control)",
    phases=lambda _recipe, _depth: (),
    adapt=lambda recipe: recipe.model_copy(update={"preprocessing": "native", "drop_blocks": 0}),
    weights="imagenet-top",
    seeded=False,
    trains=False,
    unsuited=_unsuited,
)
