"""Limits as a user writes them: what they mean, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.limits import limits, read_share, read_size
from harness.errors import UserError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4e9),
        ("512MB", 512e6),
        ("1.5 gb", 1.5e9),
        ("4GiB", 4 * 2**30),
        ("512MiB", 512 * 2**20),
        ("100kB", 1e5),
        ("2TB", 2e12),
        ("10b", 10),
    ],
)
def test_sizes_are_decimal_unless_they_say_binary(text: str, size: float):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["4", "4 G", "GB", "-4GB", "4XB", "", "0GB", "nan", "4GB 5MB"])
def test_a_size_without_a_known_unit_is_refused_with_examples(text: str):
    with pytest.raises(UserError, match="Write 4GB or 512MB"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "share"), [("0.97", 0.97), ("97%", 0.97), ("97.5 %", 0.975), ("1", 1), ("0", 0)]
)
def test_an_accuracy_is_a_share_or_per_cent(text: str, share: float):
    assert read_share(text) == share


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("97", r"Write 0\.97 or 97%"),
        ("101%", "0.97 or 97%"),
        ("-0.5", "0.97"),
        ("nan", "0.97"),
        ("high", "0.97"),
    ],
)
def test_an_accuracy_that_is_neither_says_how_it_is_written(text: str, hint: str):
    with pytest.raises(UserError, match=hint):
        read_share(text)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_time_must_be_a_number_above_zero(value: float):
    with pytest.raises(UserError, match="--max-ms: expected a number above 0"):
        limits(max_ms=value)
    with pytest.raises(UserError, match="--max-train-minutes: expected a number above 0"):
        limits(max_train_minutes=value)


def test_an_upper_limit_admits_what_is_equal_and_a_lower_one_too():
    (lower, upper) = limits(min_accuracy="0.9", max_ms=20)
    assert [lower.admits(value) for value in (0.9, 0.8999, None, float("nan"))] == [True, False, False, False]
    assert [upper.admits(value) for value in (20, 20.001, None)] == [True, False, False]


def test_minutes_admit_the_seconds_that_they_stand_for():
    (limit,) = limits(max_train_minutes=0.015)
    assert limit.admits(0.9)  # and 60 * 0.015 is 0.8999...


def test_minutes_bound_the_seconds_to_the_result():
    (limit,) = limits(max_train_minutes=2)
    assert (limit.metric.name, limit.bound) == ("to_result_s", 120)


@given(
    accuracy=st.integers(0, 1000).map(lambda right: right / 1000),
    step=st.floats(0.001, 1e5),
    seconds=st.floats(0.01, 1e6),
    memory=st.integers(10_000_000, 10**12),
)
def test_the_option_that_would_admit_a_value_does(accuracy: float, step: float, seconds: float, memory: int):
    """Read back as the command line reads it."""
    for limit, value in zip(
        limits(min_accuracy="1", max_ms=1e-9, max_train_minutes=1e-9, max_memory="1kB"),
        (accuracy, step, seconds, memory),
        strict=True,
    ):
        option, text = limit.admitting(value).split(" ")
        name = option.removeprefix("--").replace("-", "_")
        written: dict[str, object] = {name: text if name in ("min_accuracy", "max_memory") else float(text)}
        (wider,) = limits(**written)
        assert wider.admits(value)
