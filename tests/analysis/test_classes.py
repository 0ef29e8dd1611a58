"""Recall and confusions are of a class's own images, and means over seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes_said import cell, said, standings

from harness.analysis.classes import Recall, classes_differ, confusions, recalls
from harness.records import Predictions
from harness.statistics import Interval, wilson

LABELS = [0, 0, 0, 0, 1, 1, 2, 2]


def one_row(tmp_path: Path, *seeds: Predictions):
    """The only row of a run, and its answers."""
    found = standings(tmp_path, *(cell(each, seed=seed) for seed, each in enumerate(seeds)))
    return found.tables[0].rows[0], found.answers


def test_recall_is_the_share_of_a_classs_images(tmp_path: Path):
    found = recalls(*one_row(tmp_path, said([0, 0, 0, 1, 1, 1, 0, 0], LABELS, classes=3)))
    assert [(each.label, each.images, each.value) for each in found] == [
        ("ants", 4, 0.75),
        ("bees", 2, 1.0),
        ("wasps", 2, 0.0),
    ]
    assert (found[0].interval.low, found[0].interval.high) == pytest.approx(wilson(3, 4))
    assert (found[0].joint.low, found[0].joint.high) == pytest.approx(wilson(3, 4, 1 - 0.05 / 3))


def test_a_class_without_test_images_has_no_recall(tmp_path: Path):
    found = recalls(*one_row(tmp_path, said([0, 1], [0, 1], classes=3)))
    assert [each.label for each in found] == ["ants", "bees"]


def test_confusions_are_counted_from_label_to_what_is_said(tmp_path: Path):
    found = confusions(*one_row(tmp_path, said([0, 1, 1, 2, 1, 1, 0, 2], LABELS, classes=3)))
    assert [(each.label, each.said, each.count, each.images) for each in found] == [
        ("ants", "bees", 2, 4),
        ("ants", "wasps", 1, 4),
        ("wasps", "ants", 1, 2),
    ]


def test_seeds_count_as_one_together(tmp_path: Path):
    seeds = [said([says, 1, 2], [0, 1, 2], classes=3) for says in (0, 1, 1, 1)]
    row, answers = one_row(tmp_path, *seeds)
    assert recalls(row, answers)[0].value == pytest.approx(0.25)
    assert [(each.said, each.count) for each in confusions(row, answers)] == [("bees", pytest.approx(0.75))]


def test_among_many_equal_classes_few_rows_are_said_to_have_some_that_differ():
    """Of 60 classes that are all right 80 % of the time, own intervals lie apart in most rows by chance."""
    classes, images, rows = 60, 100, 100
    rights = np.random.default_rng(0).binomial(images, 0.8, (rows, classes))
    together = 1 - 0.05 / classes
    found = [
        [
            Recall(
                str(place),
                images,
                right / images,
                *(Interval(*wilson(right, images, c), c) for c in (0.95, together)),
            )
            for place, right in enumerate(each)
        ]
        for each in rights
    ]
    assert sum(map(classes_differ, found)) <= 10
    plain = [[replace(each, joint=each.interval) for each in row] for row in found]
    assert sum(map(classes_differ, plain)) > 50


@pytest.mark.parametrize(("low", "differ"), [(0.9, True), (0.7, False)])
def test_classes_differ_where_intervals_do_not_touch(low: float, differ: bool):
    joint = Interval(low, 1.0, 0.975), Interval(0.5, 0.8, 0.975)
    own = Interval(0.7, 0.9, 0.95)
    found = [Recall(name, 9, 0.8, own, each) for name, each in zip("ab", joint, strict=True)]
    assert classes_differ(found) is differ
