"""The A/A test in words and as facts."""

import math

import pytest
from fakes_timing import selfcheck

from harness.analysis.resolution import aa_difference, aa_sentence, render_selfcheck, selfcheck_facts
from harness.statistics import spread_of_repeats

SAME = selfcheck(a=(50.0, 51.0, 49.0), b=(50.5, 49.5, 50.0))
DISTURBED = selfcheck(a=(50.0, 50.1, 49.9), b=(52.0, 52.1, 51.9))


def test_the_difference_of_a_and_b_is_that_of_their_geometric_means():
    facts = selfcheck_facts(SAME)
    expected = (50 * 51 * 49 / (50.5 * 49.5 * 50)) ** (1 / 3) - 1
    assert facts["difference"] == pytest.approx(expected)
    low, high = facts["difference_interval"]
    assert low < expected < high
    assert facts["holds_zero"] is True


def test_what_is_resolved_counts_all_measurements_and_falls_with_the_passes():
    facts = selfcheck_facts(SAME)
    spread = spread_of_repeats([*SAME.a, *SAME.b])
    assert facts["resolves"] == {str(passes): spread.width(passes) for passes in (1, 2, 3)}
    one, three = facts["resolves"]["1"], facts["resolves"]["3"]
    assert math.log1p(three) == pytest.approx(math.log1p(one) / math.sqrt(3))


def test_facts_are_in_the_units_that_they_name():
    assert selfcheck_facts(SAME)["a_ms"] == pytest.approx([50.0, 51.0, 49.0])


def test_a_check_that_holds_says_what_it_timed_and_resolves():
    text = render_selfcheck(SAME)
    assert "MobileNet/inference/none/160px/batch8/cpu/float32" in text
    assert "A           49.99 ms a step (49 to 51)" in text
    assert "with 1 pass, " in text
    assert "with 3 passes" in text
    assert "verdict     the two are told to be the same, as they are" in text


def test_a_check_that_contradicts_itself_says_so_loudly():
    assert aa_difference(DISTURBED).high < 0
    assert "verdict     WRONG: one thing was told to be two" in render_selfcheck(DISTURBED)
    assert "**That interval does not hold 0" in aa_sentence(DISTURBED)
    assert "**" not in aa_sentence(SAME)
    assert selfcheck_facts(DISTURBED)["holds_zero"] is False


def test_the_sentence_tells_difference_interval_and_how_often():
    sentence = aa_sentence(SAME)
    assert sentence.startswith("A/A: MobileNet inference at 160 px, batch 8, cpu, timed as two, 3 times each")
    # Pooled deviation 1.58 %, t(4) = 2.776, three measurements each.
    assert "differs by +0.0 % (95 % interval -3.5 % to +3.6 %)." in sentence
