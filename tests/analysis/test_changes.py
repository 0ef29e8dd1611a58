"""What fine-tuning fixed and broke is told against the same backbone and the same seeds."""

from pathlib import Path

import pytest
from fakes import Row
from fakes_said import cell, standings, wrong_on

from harness.analysis.changes import Change, changes
from harness.analysis.rows import Row as Ranked


def found(tmp_path: Path, *rows: Row) -> tuple[tuple[Change, ...], tuple[Ranked, ...]]:
    """The changes of the only table."""
    known = standings(tmp_path, *rows)
    return changes(known.tables[0], known.answers)


def tuned(wrong: str, backbone: str = "MobileNet", sure: float = 0.9, **changed: object) -> Row:
    """A fine-tuned cell that is wrong on these images."""
    return cell(wrong_on(wrong, sure=sure), backbone, strategy="fine-tuning", depth="blocks:1", **changed)


def test_fixed_is_what_was_wrong_and_broken_what_was_right(tmp_path: Path):
    ((one,), alone) = found(tmp_path, cell(wrong_on("ab")), tuned("bc"))
    assert [each.id for each in one.fixed] == ["a"]
    assert [each.id for each in one.broken] == ["c"]
    assert alone == ()


def test_each_image_has_its_label_and_what_both_say(tmp_path: Path):
    ((one,), _) = found(tmp_path, cell(wrong_on("a", sure=0.8)), tuned("", sure=0.7))
    (image,) = one.fixed
    assert (image.label, image.before, image.after) == ("cats", "dogs", "cats")
    assert (image.before_confidence, image.after_confidence) == pytest.approx((0.8, 0.7))


def test_another_backbone_is_no_counterpart(tmp_path: Path):
    rows = [cell(wrong_on("d"), "Xception"), cell(wrong_on("a")), tuned("b"), tuned("c", "Xception")]
    pairs, _ = found(tmp_path, *rows)
    assert {pair.tuned.cell.backbone: [each.id for each in pair.fixed] for pair in pairs} == {
        "MobileNet": ["a"],
        "Xception": ["d"],
    }


def test_a_control_is_no_counterpart(tmp_path: Path):
    pairs, alone = found(tmp_path, cell(wrong_on("a"), weights="random"), tuned("b"))
    assert (pairs, len(alone)) == ((), 1)


def test_other_seeds_are_no_counterpart(tmp_path: Path):
    pairs, alone = found(tmp_path, cell(wrong_on("a")), tuned("b"), tuned("b", seed=1))
    assert (pairs, len(alone)) == ((), 1)


def test_a_part_of_the_training_images_stands_against_the_same_part(tmp_path: Path):
    rows = [cell(wrong_on("a")), cell(wrong_on("b"), train_images=20), tuned("", train_images=20), tuned("")]
    pairs, _ = found(tmp_path, *rows)
    assert {pair.tuned.cell.train_images: [each.id for each in pair.fixed] for pair in pairs} == {
        20: ["b"],
        None: ["a"],
    }


def test_of_several_seeds_most_decide(tmp_path: Path):
    before = [cell(wrong_on(wrong), seed=seed) for seed, wrong in enumerate(("ab", "ac", "a"))]
    after = [tuned(wrong, seed=seed) for seed, wrong in enumerate(("d", "d", "a"))]
    ((one,), _) = found(tmp_path, *before, *after)
    assert [each.id for each in one.fixed] == ["a"]
    assert [each.id for each in one.broken] == ["d"]


def test_where_half_of_the_seeds_are_wrong_nothing_is_decided(tmp_path: Path):
    before = [cell(wrong_on(wrong), seed=seed) for seed, wrong in enumerate(("a", ""))]
    ((one,), _) = found(tmp_path, *before, *(tuned("", seed=seed) for seed in range(2)))
    assert (one.fixed, one.broken) == ((), ())


def test_a_learning_rate_of_its_own_stands_against_the_same_one_or_the_recipes(tmp_path: Path):
    rows = [
        cell(wrong_on("a")),
        cell(wrong_on("b"), learning_rate=0.01),
        tuned("", learning_rate=0.01),
        tuned("c", learning_rate=0.001),
    ]
    pairs, _ = found(tmp_path, *rows)
    assert {pair.tuned.cell.learning_rate: [each.id for each in pair.fixed] for pair in pairs} == {
        0.01: ["b"],
        0.001: ["a"],
    }


def test_the_surest_mistakes_come_first(tmp_path: Path):
    before = wrong_on("ab", sure=[0.6, 0.9, 0.9, 0.9])
    ((one,), _) = found(tmp_path, cell(before), tuned(""))
    assert [each.id for each in one.fixed] == ["b", "a"]
