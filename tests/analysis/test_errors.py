"""Errors that models share are counted by model, on the same images, without the controls."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import Row
from fakes_said import cell, said, standings, wrong_on

from harness.analysis.errors import SharedErrors, by_chance, shared_errors
from harness.errors import UserError


def shared(tmp_path: Path, *rows: Row) -> SharedErrors:
    """The errors of the only set of images."""
    (one,) = shared_errors(standings(tmp_path, *rows))
    return one


def test_what_chance_would_give_is_the_product_of_the_error_rates():
    assert by_chance([0.1, 0.2], 100) == pytest.approx([72, 26, 2])


def test_what_chance_would_give_adds_up_to_all_images():
    assert sum(by_chance([0.02, 0.3, 0.07, 0.5], 1000)) == pytest.approx(1000)


def test_images_are_told_by_how_many_models_get_them_wrong(tmp_path: Path):
    found = shared(
        tmp_path,
        cell(wrong_on("ab"), "MobileNet"),
        cell(wrong_on("abc"), "VGG16"),
        cell(wrong_on("a"), "Xception"),
    )
    assert [each.id for each in found.by_all] == ["a"]
    assert [each.id for each in found.by_most] == ["b"]
    assert [(each.id, each.wrong) for each in found.mistakes] == [("a", 3), ("b", 2), ("c", 1)]
    assert sorted(found.rates) == [0.25, 0.5, 0.75]


def test_heads_on_the_same_features_are_one_model(tmp_path: Path):
    found = shared(
        tmp_path,
        cell(wrong_on("ab")),
        cell(wrong_on("ab"), strategy="augmented-extraction"),
        cell(wrong_on("a"), "Xception"),
    )
    assert len(found.models) == 2
    assert [each.id for each in found.by_most] == []
    assert [(each.id, each.wrong) for each in found.mistakes] == [("a", 2), ("b", 1)]


def test_another_depth_and_a_start_from_scratch_are_other_models(tmp_path: Path):
    found = shared(
        tmp_path,
        cell(wrong_on("a")),
        cell(wrong_on("a"), strategy="fine-tuning", depth="blocks:1"),
        cell(wrong_on("a"), strategy="from-scratch", weights="scratch"),
    )
    assert set(found.models) == {"MobileNet", "MobileNet blocks:1", "MobileNet from scratch"}


def test_a_model_is_wrong_where_most_of_its_seeds_are(tmp_path: Path):
    seeds = [cell(wrong_on(wrong), seed=seed) for seed, wrong in enumerate(("ab", "a", "c"))]
    found = shared(tmp_path, *seeds, cell(wrong_on("abc"), "Xception"))
    assert [each.id for each in found.by_all] == ["a"]


def test_random_bases_have_no_voice(tmp_path: Path):
    found = shared(
        tmp_path,
        cell(wrong_on("a"), "MobileNet"),
        cell(wrong_on("a"), "Xception"),
        cell(wrong_on("bcd"), "VGG16", weights="random"),
    )
    assert [each.id for each in found.mistakes] == ["a"]
    assert len(found.by_all) == 1


def test_a_single_model_shares_nothing(tmp_path: Path):
    assert shared_errors(standings(tmp_path, cell(wrong_on("a")))) == ()


def test_what_models_say_is_what_most_of_their_wrong_cells_do_and_how_sure_those_are(tmp_path: Path):
    labels = [0, 0]
    found = shared(
        tmp_path,
        cell(said([1, 0], labels, sure=0.6, classes=3), "MobileNet"),
        cell(said([1, 0], labels, sure=0.8, classes=3), "VGG16"),
        cell(said([2, 0], labels, sure=0.99, classes=3), "Xception"),
    )
    (one,) = found.by_all
    assert (one.label, one.said, one.agreed) == ("ants", "bees", 2)
    assert one.confidence == pytest.approx(0.7)


def test_right_seeds_of_a_wrong_model_do_not_say_what_it_says(tmp_path: Path):
    """Of each model two seeds are right and surest; of the wrong ones three say bees and three wasps."""
    rows = []
    for backbone, says in (("MobileNet", (1, 1, 2, 0, 0)), ("Xception", (1, 2, 2, 0, 0))):
        for seed, one in enumerate(says):
            predictions = said([one, 0], [0, 0], sure=(0.99, 0.7, 0.6)[one], classes=3)
            rows.append(cell(predictions, backbone, seed=seed))
    (one,) = shared(tmp_path, *rows).by_all
    assert (one.label, one.said, one.agreed) == ("ants", "bees", 2)
    assert one.confidence == pytest.approx(0.7)


def test_a_model_of_which_half_the_seeds_are_wrong_is_not(tmp_path: Path):
    seeds = [cell(wrong_on(wrong), seed=seed) for seed, wrong in enumerate(("a", ""))]
    found = shared(tmp_path, *seeds, cell(wrong_on("a"), "Xception"))
    assert [(each.id, each.wrong) for each in found.mistakes] == [("a", 1)]


def test_the_best_model_of_each_backbone_stands_for_it(tmp_path: Path):
    found = shared(
        tmp_path,
        cell(wrong_on("abc"), "MobileNet"),
        cell(wrong_on("a"), "MobileNet", strategy="fine-tuning", depth="blocks:1"),
        cell(wrong_on("ab"), "Xception"),
    )
    assert found.by_backbones == 1
    assert sorted(found.backbone_rates) == [0.25, 0.5]


def test_answers_to_the_images_in_another_order_are_refused(tmp_path: Path):
    turned = wrong_on("a")
    turned = replace(turned, ids=np.roll(turned.ids, 1))
    with pytest.raises(UserError, match="in another order"):
        shared(tmp_path, cell(wrong_on("a")), cell(turned, "Xception"))
