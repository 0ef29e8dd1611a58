"""The learning rates that the optimizer really had."""

import pytest
from fakes import epoch, record

from harness.comparison.cells import Pair
from harness.comparison.finding import Finding
from harness.comparison.structure import structure
from harness.records import Record


def with_rates(*rates: float | None, **changed: object) -> Record:
    history = tuple(epoch(number, learning_rate=rate) for number, rate in enumerate(rates, start=1))
    plain = record()
    found = plain.measured.model_copy(update={"history": history})
    return plain.model_copy(update={"measured": found, **changed})


def found(before: Record, after: Record) -> list[Finding]:
    return list(structure(Pair(before, after, {})))


def test_another_rate_than_the_baselines_is_a_regression_that_names_both():
    (one,) = found(with_rates(1e-3, 1e-3), with_rates(1e-2, 1e-2))
    assert (one.kind, one.severity, one.field) == ("structure", "regression", "learning_rate")
    assert (one.before, one.after) == ("head 0.001", "head 0.01")


def test_the_same_rate_is_no_finding_and_one_that_the_baseline_did_not_keep_is_held_to_nothing():
    assert found(with_rates(1e-3, 1e-3), with_rates(1e-3, 1e-3)) == []
    (one,) = found(with_rates(None, None), with_rates(1e-3, 1e-3))
    assert (one.severity, one.field) == ("undecided", "learning_rate")


@pytest.mark.parametrize(("rates", "after"), [((None, None), None), ((1e-3, None), "head 0.001; head none")])
def test_a_rate_that_is_no_longer_told_of_any_epoch_is_a_regression(
    rates: tuple[float | None, ...], after: str | None
):
    (one,) = found(with_rates(1e-3, 1e-3), with_rates(*rates))
    assert (one.severity, one.field, one.after) == ("regression", "learning_rate", after)


def test_a_probe_has_no_rates_that_could_be_lost():
    history = (epoch(1, phase="probe", strength=1.0), epoch(1, learning_rate=1e-3))
    plain = with_rates()
    probed = plain.model_copy(update={"measured": plain.measured.model_copy(update={"history": history})})
    assert found(probed, probed) == []
    alone = plain.model_copy(update={"measured": plain.measured.model_copy(update={"history": history[:1]})})
    assert found(alone, alone) == []


def test_a_rate_that_the_recipe_changed_is_told_as_the_recipes():
    plain = record()
    head = plain.recipe.fast_extraction.model_copy(update={"learning_rate": 1e-2})
    other = plain.recipe.model_copy(update={"fast_extraction": head})
    (one,) = found(with_rates(1e-3, 1e-3), with_rates(1e-2, 1e-2, recipe=other))
    assert (one.severity, one.field) == ("changed", "learning_rate")


def test_a_rate_that_another_change_of_the_recipe_does_not_decide_is_a_regression():
    other = record().recipe.model_copy(update={"batch": 7})
    (one,) = found(with_rates(1e-3, 1e-3), with_rates(1e-2, 1e-2, recipe=other))
    assert one.severity == "regression"
