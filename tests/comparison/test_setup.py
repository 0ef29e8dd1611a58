"""What the two runs were made with."""

from typing import Any

import pytest
from fakes import ENVIRONMENT, record
from fakes_compare import trial
from fakes_judged import ELSEWHERE, changed, found

from harness.comparison.setup import setup
from harness.records import WeightsFacts

ROW = trial(900)
RECIPE = ROW[0].recipe


def environment(**facts: Any) -> dict[str, Any]:
    return {"environment": ENVIRONMENT.model_copy(update=facts)}


def test_the_same_set_up_is_no_finding():
    assert found(setup, ROW, ROW) == []


@pytest.mark.parametrize(
    ("other", "field", "message"),
    [
        (
            {"recipe": RECIPE.model_copy(update={"dropout": 0.25})},
            "recipe.dropout",
            "recipe `default`, dropout: `0.5` to `0.25`",
        ),
        (
            {
                "recipe": RECIPE.model_copy(
                    update={"fine_tuning": RECIPE.fine_tuning.model_copy(update={"learning_rate": 5e-4})}
                )
            },
            "recipe.fine_tuning.learning_rate",
            "recipe `default`, fine_tuning.learning_rate: `5e-05` to `0.0005`",
        ),
        (
            environment(libraries={"keras": "3.1", "tensorflow": "2.0"}),
            "library.keras",
            "version of keras: `3.0` to `3.1`",
        ),
        (environment(python="3.12.1"), "python", "Python: `3.11.0` to `3.12.1`"),
        (
            environment(settings={"TF_ENABLE_ONEDNN_OPTS": "0"}),
            "setting.TF_ENABLE_ONEDNN_OPTS",
            "setting TF_ENABLE_ONEDNN_OPTS: none to `0`",
        ),
        ({"commit": "ba9876543210"}, "commit", "harness commit: `0123456789ab` to `ba9876543210`"),
        (
            {"weights": WeightsFacts(kind="imagenet", name="w.h5", sha256="c" * 64, origin="")},
            "weights",
            "weights file: `w.h5 bbbbbbbbbbbb` to `w.h5 cccccccccccc`",
        ),
        (
            {"data": ROW[0].data.model_copy(update={"left_out": 7})},
            "left_out",
            "files left out of the images: `0` to `7`",
        ),
    ],
)
def test_each_thing_that_differs_is_changed_and_told_with_both_values(
    other: dict[str, Any], field: str, message: str
):
    (one,) = found(setup, ROW, changed(ROW, **other))
    assert (one.kind, one.severity, one.field, one.message) == ("setup", "changed", field, message)


def test_other_threads_are_told():
    (one,) = found(setup, changed(ROW, threads={"inter_op": 0}), changed(ROW, threads={"inter_op": 1}))
    assert (one.field, one.message) == ("threads.inter_op", "threads, inter-op: `0` to `1`")


def test_where_weights_come_from_is_no_change():
    elsewhere = record().weights.model_copy(update={"origin": "Keras cache"})
    assert found(setup, ROW, changed(ROW, weights=elsewhere)) == []


def test_another_machine_is_said_with_what_is_not_compared():
    told = {each.field: each for each in found(setup, ROW, changed(ROW, environment=ELSEWHERE))}
    assert set(told) == {"machine", "machine.processor"}
    assert "its times are not compared, all else is" in told["machine"].message
    assert "machine" not in {
        each.field for each in found(setup, ROW, changed(ROW, **environment(python="3.12")))
    }
