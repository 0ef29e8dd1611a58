"""Heat maps as pictures and text: what is bright, what is told instead of drawn, and that all fits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import model_facts
from numpy.typing import NDArray
from PIL import Image

from harness.explain.explain import ClassMap, Example, Explained
from harness.export.verification import Verification
from harness.reports.heat_maps import (
    draw_example,
    draw_sheet,
    explained_facts,
    render_explained,
    stretched,
)

CORNER = np.zeros((4, 4))
CORNER[0, 3] = 1.0
SIDE = 448


def class_map(label: str, heat: NDArray[np.float64] = CORNER, **changed: Any) -> ClassMap:
    return ClassMap(**({"label": label, "probability": 0.9, "heat": heat, "peak": heat.max()} | changed))


def example(*, name: str = "0123456789abcdef", **changed: Any) -> Example:
    noise = np.random.default_rng(0).integers(90, 160, (64, 64, 3), dtype=np.uint8)
    usual = {"truth": "cats", "image": noise, "maps": (class_map("dogs"), class_map("cats", probability=0.1))}
    return Example(id=name, **(usual | changed))


def explained(examples: list[Example]) -> Explained:
    found = Verification(len(examples), "the files in photos", 2e-6)
    return Explained(model_facts(), "conv_pw_13_relu", (4, 4), tuple(examples), 7, 100, found)


def drawn(each: Example, tmp_path: Path) -> NDArray[np.float64]:
    draw_example(each, tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        return np.asarray(picture.convert("L"), np.float64)


def panels(picture: NDArray[np.float64], height: int = SIDE) -> list[NDArray[np.float64]]:
    """The three panels of an example, without their borders."""
    top, step = picture.shape[0] - height - 8, SIDE + 8
    return [picture[top + 5 : top + height - 5, 8 + n * step + 5 : 8 + n * step + SIDE - 5] for n in range(3)]


def test_a_map_is_stretched_to_its_image_with_rows_as_rows():
    heat = stretched(np.array([[0.0, 1.0], [0.0, 0.0]]), 8, 12)
    assert heat.shape == (8, 12)
    assert np.unravel_index(heat.argmax(), heat.shape) >= (0, 9)
    assert heat[0, -1] == 1
    assert heat[-1].max() == 0


def test_the_places_that_count_are_the_bright_ones(tmp_path: Path):
    _, shown, _ = panels(drawn(example(), tmp_path))
    half = len(shown) // 2
    quarters = {
        (row, column): np.median(shown[row * half : (row + 1) * half, column * half : (column + 1) * half])
        for row in (0, 1)
        for column in (0, 1)
    }
    corner = np.median(shown[: half // 3, -half // 3 :])
    assert corner > 1.5 * max(quarters[1, 0], quarters[0, 0])


@pytest.mark.parametrize("peak", [0.0, 0.005])
def test_a_map_with_nothing_in_it_is_told_and_not_drawn(tmp_path: Path, peak: float):
    weak = class_map("cats", CORNER if peak else np.zeros((4, 4)), peak=peak)
    picture = drawn(example(maps=(class_map("dogs"), weak)), tmp_path)
    _, _, shown = panels(picture)
    quarter = len(shown) // 4
    assert shown[:quarter, -quarter:].max() < 120
    assert shown[quarter:-quarter, quarter:-quarter].max() > 200, "nothing is written"


def test_a_picture_has_the_size_of_its_panels(tmp_path: Path):
    wide = np.full((30, 60, 3), 128, np.uint8)
    picture = drawn(example(image=wide), tmp_path)
    assert picture.shape[1] == 3 * (SIDE + 8) + 8
    assert SIDE / 2 < picture.shape[0] < SIDE / 2 + 80


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_sheet_holds_every_example(tmp_path: Path, count: int):
    draw_sheet(explained([example(name=f"id{number}") for number in range(count)]), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
    rows = -(-count // 2)
    assert width > (600 if count == 1 else 1200)
    assert 192 * rows < height < (192 + 60) * rows + 150


@pytest.mark.parametrize(
    "each",
    [
        example(truth="$x^2$", maps=(class_map("猫" * 30), class_map("$x^2$"))),
        example(image=np.zeros((1, 1, 3), np.uint8)),
        example(image=np.zeros((4, 2000, 3), np.uint8)),
        example(maps=(class_map("dogs", np.ones((3, 3))), class_map("cats", np.ones((1, 2))))),
    ],
    ids=["names", "one pixel", "a strip", "flat maps"],
)
def test_odd_examples_are_drawn(tmp_path: Path, each: Example):
    draw_example(each, tmp_path / "one.png")
    draw_sheet(explained([each]), tmp_path / "sheet.png")
    assert (tmp_path / "one.png").stat().st_size > 1000


def test_the_text_says_what_was_looked_at_and_what_nothing_speaks_for():
    none = example(name="other", maps=(class_map("dogs"), class_map("cats", np.zeros((4, 4)))))
    text = render_explained(explained([example(), none]), Path("maps"))
    assert "maps: 2 of 7 mistakes in 100 test images of MobileNet-0.25/" in text
    assert "Grad-CAM of conv_pw_13_relu, 4 x 4 places" in text
    assert "probabilities within 2e-06 of the recorded ones" in text
    lines = {line.split()[0]: line.split() for line in text.splitlines()[-2:]}
    assert lines["0123456789abcdef"][1:] == ["cats", "dogs", "90.0", "-"]
    assert lines["other"][-1] == "cats"


def test_right_predictions_are_not_called_mistakes():
    text = render_explained(explained([example(truth="dogs")]), Path("maps"))
    assert "1 of 100 test images of" in text
    assert "mistake" not in text


def test_the_facts_hold_names_and_numbers_only():
    facts = explained_facts(explained([example()]))
    (image,) = facts["images"]
    assert (image["id"], image["true"], image["predicted"]) == ("0123456789abcdef", "cats", "dogs")
    assert [each["class"] for each in image["maps"]] == ["dogs", "cats"]
    assert (facts["layer"], facts["grid"], facts["mistakes"], facts["tested"]) == (
        "conv_pw_13_relu",
        [4, 4],
        7,
        100,
    )
