"""Depths as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.depth import Depth, parse_depth
from harness.errors import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", Depth("none")),
        ("all", Depth("all")),
        ("blocks:2", Depth("blocks", count=2)),
        ("fraction:0.3", Depth("fraction", share=0.3)),
        ("fraction:.25", Depth("fraction", share=0.25)),
        ("fraction:1", Depth("fraction", share=1.0)),
        ("layers:30", Depth("layers", count=30)),
        ("from:block5_conv1", Depth("from", layer="block5_conv1")),
    ],
)
def test_each_form_is_read(text: str, expected: Depth):
    assert parse_depth(text) == expected


@given(
    st.sampled_from(["none", "all"])
    | st.integers(1, 10**6).map("blocks:{}".format)
    | st.integers(1, 10**6).map("layers:{}".format)
    | st.integers(1, 100).map(lambda percent: f"fraction:{percent / 100:g}")
    | st.from_regex(r"from:[\w./-]+", fullmatch=True)
)
def test_a_depth_is_written_as_it_was_read(text: str):
    assert str(parse_depth(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "block:1", "blocks", "blocks:", "blocks:0", "blocks:-1", "blocks:1.5", "from:", "ALL", "all "),
        *("fraction:0", "fraction:0.0", "fraction:1.1", "fraction:30%", "fraction:"),
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str):
    with pytest.raises(UserError) as caught:
        parse_depth(text, where="m.toml:4")
    assert str(caught.value).startswith(f"m.toml:4: unknown depth {text!r}\n")
    assert caught.value.hint.endswith("Choices: none, all, blocks:N, layers:N, fraction:F, from:LAYER.")


def test_a_misspelt_depth_is_answered_with_the_near_form():
    with pytest.raises(UserError, match=r"Did you mean blocks:N\?"):
        parse_depth("block:1")
