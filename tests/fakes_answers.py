"""Rows of right and wrong answers for the tests of the statistics: made by count, or drawn from a model."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def pair(both: int, only_first: int, only_second: int, none: int = 0) -> tuple[NDArray, NDArray]:
    """Two rows of right and wrong with that many images of each kind."""
    first = [True] * both + [True] * only_first + [False] * only_second + [False] * none
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * none
    return np.array(first), np.array(second)


def answers(
    random: np.random.Generator,
    seeds: int,
    difficulty: NDArray[np.floating],
    accuracy: float,
    *,
    spread: float = 0.0,
    agreement: float = 0.8,
) -> NDArray[np.bool_]:
    """Answers (seeds, images) of a row whose true accuracy over both seeds and images is `accuracy`.

    Each seed has an accuracy of its own, drawn from a beta distribution of standard deviation `spread`.
    What makes an image hard is shared by all seeds as far as `agreement` (0..1) says; `difficulty` is
    standard normal, an entry an image, so that several rows can meet the same images.
    """
    own = np.full(seeds, accuracy)
    if spread:
        weight = accuracy * (1 - accuracy) / spread**2 - 1
        own = random.beta(accuracy * weight, (1 - accuracy) * weight, seeds)
    noise = random.standard_normal((seeds, len(difficulty)), dtype=np.float32)
    mixed = np.sqrt(agreement) * difficulty + np.sqrt(1 - agreement) * noise
    return np.asarray(mixed < stats.norm.ppf(own)[:, None])


def kin(random: np.random.Generator, images: int, agreement: float = 0.8) -> tuple[NDArray, NDArray]:
    """What two rows find difficult of the same images: alike as far as `agreement` (0..1) says."""
    both = random.standard_normal(images)
    one, other = random.standard_normal((2, images))
    share, rest = np.sqrt(agreement), np.sqrt(1 - agreement)
    return share * both + rest * one, share * both + rest * other
