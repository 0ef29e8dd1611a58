"""Tables and paragraphs within a width."""

import pytest

from harness.text import counted, paragraph, quoted, sentences, text_table, trained_on

LONG = "https://example.org/" + "x" * 60


def test_numbers_of_training_images_are_told_in_one_way():
    told = [trained_on(images) for images in (1, 50, 1000, None)]
    assert told == ["1 training image", "50 training images", "1,000 training images", "all training images"]


def test_a_paragraph_keeps_its_width_and_hangs_from_its_mark():
    lines = paragraph("one two three four five six", 14, mark="[1] ").splitlines()
    assert lines == ["[1] one two", "    three four", "    five six"]


def test_a_paragraph_never_breaks_an_address():
    assert LONG in paragraph(f"see {LONG} there", 40).splitlines()


def test_a_table_within_its_width_is_not_wrapped():
    table = text_table({"name": ["a b c"], "n": ["1"]}, width=40, wrapped=("name",))
    assert table.splitlines()[-1] == "a b c  1"


def test_only_the_named_column_of_a_wide_table_is_broken_and_only_at_spaces():
    names = ["fine-tuning from:block5_conv1 and-more-of-it"]
    lines = text_table({"what": names, "file": [LONG]}, width=100, wrapped=("what",)).splitlines()
    assert lines[2].endswith(LONG)
    assert [line[:17].strip() for line in lines[2:]] == ["fine-tuning", "from:block5_conv1", "and-more-of-it"]


def test_without_a_width_a_row_is_one_line():
    table = text_table({"what": ["a long text " * 20]}, wrapped=("what",))
    assert len(table.splitlines()) == 3


def test_numbers_stand_as_they_are_written():
    assert text_table({"seed": ["007", "1e5"]}, right=("seed",)).splitlines()[2:] == [" 007", " 1e5"]


def test_the_lines_of_a_message_become_sentences():
    assert sentences("no GPU\nRun it elsewhere.") == "no GPU. Run it elsewhere."
    assert sentences("Did it end?\n`doctor` says why") == "Did it end? `doctor` says why"
    assert sentences("it broke\nin line  two") == "it broke in line two"


def test_of_a_long_list_of_choices_a_sentence_has_the_first():
    names = [f"layer.{number}" for number in range(31)]
    message = f"unknown layer 'x'\nDid you mean y? Choices: {', '.join(names)} and 9 more."
    assert sentences(message) == (
        "unknown layer 'x'. Did you mean y? Choices: layer.0, layer.1, layer.2, layer.3, layer.4, ..."
    )
    assert sentences("Choices: a, b, c, d, e, f.") == "Choices: a, b, c, d, e, f."


def test_things_are_counted_in_english():
    found = [counted(number, "cell") for number in (0, 1, 2000)] + [counted(2, "pass"), counted(1, "class")]
    assert found == ["0 cells", "1 cell", "2,000 cells", "2 passes", "1 class"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a name", "`a name`"),
        ("two\nlines\tof it", "`two lines of it`"),
        ("ends `early` <b>", "`ends 'early' <b>`"),
        (0.5, "`0.5`"),
        ("", "` `"),
        ("x" * 300, f"`{'x' * 200}...`"),
    ],
)
def test_what_is_quoted_stands_in_one_pair_of_backticks(given: object, shown: str):
    assert quoted(given) == shown
