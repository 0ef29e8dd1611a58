"""The sections on errors count first, name images by id, and fold what is long."""

from pathlib import Path

from fakes_said import cell, said, standings, wrong_on
from tables import table

from harness.reports.classes import classes_section
from harness.reports.errors import changes_section, shared_section


def test_counts_stand_beside_what_chance_would_give(tmp_path: Path):
    text = shared_section(
        standings(
            tmp_path, cell(wrong_on("a")), cell(wrong_on("ab"), "Xception"), cell(wrong_on("a"), "VGG16")
        )
    )
    # 4 images x 1/4 x 1/2 x 1/4
    (line,) = [line for line in text.splitlines() if line.startswith("| wrong by all 3 models")]
    assert [part.strip() for part in line.split("|")[2:4]] == ["1", "0.12"]
    assert "Wrong by all 3 models: 1 image\n" in text


def test_more_than_half_of_two_models_and_not_both_is_no_line(tmp_path: Path):
    two = standings(tmp_path / "two", cell(wrong_on("a")), cell(wrong_on("ab"), "Xception"))
    text = shared_section(two)
    assert "more than half of them" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| wrong by one of them")]
    assert line.split("|")[2].strip() == "1"
    three = [cell(wrong_on("a"), name) for name in ("VGG16", "VGG19", "Xception")]
    assert "wrong by more than half of them, not by all" in shared_section(
        standings(tmp_path / "more", *three)
    )


def test_depths_of_one_backbone_are_no_models_that_agree(tmp_path: Path):
    tuned = {"strategy": "fine-tuning", "depth": "blocks:1"}
    one = [cell(wrong_on("a")), cell(wrong_on("ab"), **tuned)]
    alone = shared_section(standings(tmp_path / "one", *one))
    assert "wrong by all 2 versions of one backbone" in alone
    assert "one network's errors, and no sign that labels are wrong" in alone
    assert "every model" not in alone
    both = shared_section(standings(tmp_path / "two", *one, cell(wrong_on("a"), "Xception")))
    assert "wrong by all 3 models" in both
    assert "An image that every model gets wrong is worth a look" in both
    assert "no sign" not in both


def test_of_the_changed_images_five_of_each_kind_are_listed_and_the_rest_counted(tmp_path: Path):
    letters = "abcdefghijklmnopqrst"
    tuned = cell(wrong_on(letters[7:], letters), strategy="fine-tuning", depth="blocks:1")
    text = changes_section(standings(tmp_path, cell(wrong_on(letters[:7], letters)), tuned))
    assert "7 fixed, 13 broken" in text
    assert len([line for line in text.splitlines() if line.startswith(("| fixed", "| broken"))]) == 10
    assert "and 2 more fixed and 8 more broken" in text


def test_a_run_of_one_row_has_no_shared_errors_and_no_changes(tmp_path: Path):
    found = standings(tmp_path, cell(wrong_on("a")))
    assert (shared_section(found), changes_section(found)) == ("", "")


def test_a_long_list_is_folded_and_ends_with_how_many_are_left(tmp_path: Path):
    ids = [f"id{number:03}" for number in range(70)]
    wrong = said([1] * 60 + [0] * 10, [0] * 70, ids=ids)
    text = shared_section(standings(tmp_path, cell(wrong), cell(wrong, "Xception")))
    assert "<details><summary>Wrong by all 2 models: 60 images</summary>" in text
    assert "and 10 more" in text
    assert "id049" in text
    assert "id050" not in text


def test_changes_are_counted_and_listed_by_row(tmp_path: Path):
    tuned = cell(wrong_on("bc"), strategy="fine-tuning", depth="blocks:1")
    text = changes_section(standings(tmp_path, cell(wrong_on("a")), tuned))
    assert "<summary>MobileNet fine-tuning blocks:1: 1 fixed, 2 broken</summary>" in text
    rows = [[part.strip() for part in line.split("|")[1:3]] for line in text.splitlines()]
    assert [each for each in rows if each[:1] in (["fixed"], ["broken"])] == [
        ["fixed", "a"],
        ["broken", "b"],
        ["broken", "c"],
    ]


def test_rows_are_named_by_what_tells_them_apart(tmp_path: Path):
    rows = [
        each
        for images in (20, None)
        for each in (
            cell(wrong_on("a"), train_images=images),
            cell(wrong_on("b"), train_images=images, strategy="fine-tuning", depth="blocks:1"),
        )
    ]
    text = changes_section(standings(tmp_path, *rows))
    assert "MobileNet fine-tuning blocks:1, 20 training images: 1 fixed" in text
    assert "MobileNet fine-tuning blocks:1, all training images: 1 fixed" in text


def test_tables_that_are_not_compared_have_a_heading_each(tmp_path: Path):
    rows = []
    for device in ("cpu", "gpu"):
        rows += [
            cell(wrong_on("a"), device=device),
            cell(wrong_on("b"), device=device, strategy="fine-tuning", depth="blocks:1"),
        ]
    text = changes_section(standings(tmp_path, *rows))
    assert [line.split(",")[1].strip() for line in text.splitlines() if line.startswith("###")] == [
        "cpu",
        "gpu",
    ]


def test_two_classes_that_do_not_differ_have_a_sentence_and_their_table(tmp_path: Path):
    even = said([0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1])
    text = classes_section(standings(tmp_path, cell(even), cell(even, "Xception")))
    assert "No two classes of a row can be told apart." in text
    assert [line["cats (3 images)"].split()[0] for line in table(text)] == ["66.7", "66.7"]


def test_two_classes_that_differ_have_a_table(tmp_path: Path):
    labels = [0] * 50 + [1] * 50
    uneven = said([0] * 75 + [1] * 25, labels, ids=[f"id{number}" for number in range(100)])
    text = classes_section(standings(tmp_path, cell(uneven)))
    assert "cats (50 images)" in text
    assert "100.0 (92.9 to 100.0)" in text
    assert "taken for" not in text


def test_more_classes_have_their_confusions(tmp_path: Path):
    text = classes_section(standings(tmp_path, cell(said([0, 2, 2, 2], [0, 1, 1, 2], classes=3))))
    (line,) = [line for line in text.splitlines() if line.startswith("| bees")]
    assert [part.strip() for part in line.split("|")[1:-1]] == ["bees", "wasps", "2", "100.0", "2.0"]


def test_names_of_classes_are_neither_columns_nor_markup(tmp_path: Path):
    record, predictions = cell(said([0, 0, 1, 2], [0, 1, 1, 2], classes=3))
    data = record.data.model_copy(update={"classes": ("a|b", "<b>x</b>", "猫")})
    text = classes_section(standings(tmp_path, (record.model_copy(update={"data": data}), predictions)))
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert r"a\|b (1 image)" in tables[0]
    assert "&lt;b>x&lt;/b>" in tables[0]
    assert len({line.replace(r"\|", "").count("|") for line in tables[:3]}) == 1
