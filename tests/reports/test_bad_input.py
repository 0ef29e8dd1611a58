"""Whatever lies in a run's folder, every command gives a sensible page or a clear message, no traceback.

A command that only reads a finished run belongs into `COMMANDS`, a way for a run to be odd or damaged into
`ODD` or `DAMAGED`.  An exception that is not a message fails the test: `command` sees to it.
"""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    SPLITS,
    Row,
    answers,
    failed_record,
    finished_run,
    measured,
    record,
    row,
)

from harness.records import DataFacts, Predictions

pytestmark = pytest.mark.usefixtures("alone")

COMMANDS = (
    "report run",
    "table run",
    "table run --json",
    "recommend run",
    "recommend run --max-ms 1 --json",
    "curves run",
    "publish run --no-pictures",
    "history run",
    "history run --json",
)
OF_MANY_RUNS = ("history run", "history run --json")
"""What must survive a damaged file: it is left out and named."""
READ_PREDICTIONS = ("report run", "table run", "recommend run", "publish run --no-pictures")
FAILED: Row = (failed_record("oom", "out of memory | in\ntwo lines", backbone="VGG16"), None)

ALPHABETS = {
    "cyrillic": ("кошки", "собаки"),
    "arabic": ("قطط", "كلاب"),
    "hebrew": ("חתולים", "כלבים"),
    "cjk": ("猫", "犬"),
    "emoji": ("🐈", "🐕‍🦺"),
    "markup": ("<script>alert(1)</script>", "a|b`c"),
    "lines": ("one\ntwo", "\x1b[31mred"),
}


def of_classes(classes: tuple[str, ...], images: int = 100) -> list[Row]:
    """Two rows on images of these classes."""
    data = DataFacts(
        source="folder",
        manifest_sha256="a" * 64,
        classes=classes,
        counts={split: dict.fromkeys(classes, 5) for split in SPLITS},
        left_out=0,
    )
    rows = []
    for number, backbone in enumerate(("MobileNet", "VGG16")):
        labels = np.arange(images, dtype=np.int64) % len(classes)
        wrong = np.arange(images) < 10 + number
        chosen = np.where(wrong, (labels + 1) % len(classes), labels)
        probabilities = np.full((images, len(classes)), 0.01, np.float32)
        probabilities[np.arange(images), chosen] = 0.9
        found = Predictions(np.array([f"id{image}" for image in range(images)]), labels, probabilities)
        rows.append((record(measured=measured(found), data=data, backbone=backbone), found))
    return rows


ODD: dict[str, list[Row]] = {
    "only failures": [FAILED, (failed_record("skipped", "no weights", backbone="VGG19"), None)],
    "one row": [row(answers(90))],
    "one seed of two": [row(answers(90)), (failed_record("crashed", "it broke", seed=1), None)],
    "random weights alone": [row(answers(90), weights="random")],
    "nothing right, all right": [row(answers(0)), row(answers(100), backbone="VGG16")],
    "one image": [row(answers(1, 1)), row(answers(0, 1), backbone="VGG16")],
    "no loss": [row(answers(90), loss=float("nan"))],
    "a reason with markup": [row(answers(90)), FAILED],
    "a recipe of another alphabet": [row(answers(90), recipe="терпеливый"), row(answers(80), recipe="צ|x")],
    "40 classes": of_classes(tuple(f"класс {number}" for number in range(40))),
    **{f"classes: {name}": of_classes(classes) for name, classes in ALPHABETS.items()},
}


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("name", ODD)
def test_an_odd_run_gives_a_page_or_a_message(name: str, words: str, tmp_path: Path, command):
    finished_run(tmp_path / "run", ODD[name], ["a/cell/that/was/not/run"])

    ended = command(*words.split())
    assert ended.code in (0, 1, 2)
    assert bool(ended.out) == (ended.code != 2)
    if ended.code:
        assert ended.err.startswith("transferbench: ")
        assert len(ended.err) > 40


@pytest.mark.parametrize(
    "name", ["only failures", "one row", "40 classes", "classes: arabic", "classes: emoji", "classes: markup"]
)
def test_the_page_and_the_pictures_of_an_odd_run_can_be_drawn(name: str, tmp_path: Path, command):
    """They take seconds, so not of every one."""
    finished_run(tmp_path / "run", ODD[name])
    assert command("report", "run", "--html").code == 0
    assert (tmp_path / "run" / "page.html").is_file()


def test_a_run_is_compared_with_one_of_failures_alone(tmp_path: Path, command):
    finished_run(tmp_path / "run", ODD["one row"])
    finished_run(tmp_path / "other", ODD["only failures"])
    ended = command("report", "run", "--against", "other")
    assert ended.code == 0
    assert ended.out.endswith("run/against.md\n")


# Damage


def _text(change: Callable[[str], str]) -> Callable[[Path, Path], None]:
    def damage(document: Path, _: Path) -> None:
        before = document.read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        document.write_text(after, encoding="utf-8")

    return damage


def _number(name: str, value: str) -> Callable[[Path, Path], None]:
    return _text(lambda text: re.sub(rf'"{name}": [^,\n]+', f'"{name}": {value}', text, count=1))


def _each(*damages: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    def damage(document: Path, predictions: Path) -> None:
        for each in damages:
            each(document, predictions)

    return damage


def _columns(**changed: object) -> Callable[[Path, Path], None]:
    def damage(_: Path, predictions: Path) -> None:
        with np.load(predictions) as there:
            columns = {name: there[name] for name in there} | changed
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{name: value for name, value in columns.items() if value is not None})
        predictions.write_bytes(buffer.getvalue())

    return damage


_IDS = np.array([f"id{number}" for number in range(100)])
_HALF = np.full((100, 2), 0.5, np.float32)

# What is damaged in the document of the first record; every command must name the file.
DAMAGED: dict[str, Callable[[Path, Path], None]] = {
    "cut short": _text(lambda text: text[: len(text) // 2]),
    "empty": lambda document, _: document.write_bytes(b"") and None,
    "not text": lambda document, _: document.write_bytes(b"\xff\xfe\x00") and None,
    "a list": _text(lambda _: "[]"),
    "accuracy above 1": _number("test_accuracy", "90"),
    "accuracy of no image count": _number("test_accuracy", "0.90123"),
    "accuracy NaN": _number("test_accuracy", "NaN"),
    "accuracy gone": _number("test_accuracy", "null"),
    "loss infinite": _number("test_loss", "Infinity"),
    "images none": _number("test_images", "0"),
    "time zero": _text(lambda text: re.sub(r'"block_seconds": \[[^]]*\]', '"block_seconds": [0.0]', text)),
    "times gone": _text(lambda text: re.sub(r'"block_seconds": \[[^]]*\]', '"block_seconds": []', text)),
    "another seed": _number("seed", "7"),
    "another status": _number("status", '"fine"'),
    "a key too many": _text(lambda text: text.replace('"status"', '"extra": 1, "status"', 1)),
}
# What only shows in the predictions, or beside them.
UNFITTING: dict[str, Callable[[Path, Path], None]] = {
    "another accuracy": _number("test_accuracy", "0.95"),
    "fewer images": _number("test_images", "50"),
    "a share of fewer images": _each(_number("test_images", "3"), _number("test_accuracy", repr(1 / 3))),
    "predictions gone": lambda _, predictions: predictions.unlink(),
    "predictions cut short": lambda _, predictions: (
        predictions.write_bytes(predictions.read_bytes()[:100]) and None
    ),
    "predictions of another cell": _columns(probabilities=_HALF),
    "predictions of other images": _columns(ids=_IDS[::-1]),
    "predictions with other classes": _columns(labels=np.zeros(100, np.int64)),
    "predictions not finite": _columns(probabilities=_HALF * np.nan),
    "predictions of another shape": _columns(probabilities=_HALF[:, 0]),
    "predictions without ids": _columns(ids=None),
}


def damaged(folder: Path, damage: Callable[[Path, Path], None]) -> str:
    """A run of two rows, the second of which was damaged; returns the stem of its files."""
    rows = [row(answers(95), backbone="A"), row(answers(90), backbone="B")]
    run = finished_run(folder, rows)
    stem = rows[1][0].file_stem
    damage(run.records.folder / f"{stem}.json", run.records.folder / f"{stem}.npz")
    return stem


@pytest.mark.parametrize("words", [words for words in COMMANDS if words not in OF_MANY_RUNS])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_record_is_named(name: str, words: str, tmp_path: Path, command):
    stem = damaged(tmp_path / "run", DAMAGED[name])
    ended = command(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"transferbench: run/records/{stem}.json: ")


@pytest.mark.parametrize("words", OF_MANY_RUNS)
@pytest.mark.parametrize("name", DAMAGED)
def test_of_many_runs_a_damaged_record_is_named_and_the_rest_is_told(
    name: str, words: str, tmp_path: Path, command
):
    stem = damaged(tmp_path / "run", DAMAGED[name])
    ended = command(*words.split())
    assert (ended.code, ended.err) == (0, "")
    assert f"records/{stem}.json" in ended.out
    assert "A/" in ended.out


@pytest.mark.parametrize("words", READ_PREDICTIONS)
@pytest.mark.parametrize("name", UNFITTING)
def test_predictions_that_do_not_fit_their_record_are_named(name: str, words: str, tmp_path: Path, command):
    stem = damaged(tmp_path / "run", UNFITTING[name])
    ended = command(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert f"/records/{stem}." in ended.err


@pytest.mark.parametrize("words", COMMANDS)
def test_a_record_of_another_schema_version_takes_no_part(words: str, tmp_path: Path, command):
    damaged(tmp_path / "run", _number("schema_version", "0"))
    assert command(*words.split()).code in (0, 1)


@pytest.mark.parametrize("words", COMMANDS)
def test_a_run_of_nothing_but_another_schema_version_says_so(words: str, tmp_path: Path, command):
    rows = [row(answers(95))]
    run = finished_run(tmp_path / "run", rows)
    _number("schema_version", "0")(run.records.folder / f"{rows[0][0].file_stem}.json", Path())
    ended = command(*words.split())
    assert ended.code == 2
    assert "1 record of another schema version" in ended.err


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("content", ["", "{", '{"schema_version": 0}', "[]"])
def test_a_damaged_run_json_is_named(content: str, words: str, tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(95))])
    (tmp_path / "run" / "run.json").write_text(content)
    ended = command(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("transferbench: run: run.json cannot be read")


# Alphabets


def test_a_name_from_right_to_left_does_not_take_the_line_along(tmp_path: Path, command):
    finished_run(tmp_path / "run", of_classes(ALPHABETS["arabic"]))
    command("report", "run")
    text = (tmp_path / "run" / "leaderboard.md").read_text(encoding="utf-8")
    first, second = ALPHABETS["arabic"]
    assert f"2 classes (\u2068{first}\u2069, \u2068{second}\u2069); 0 files" in text


def test_a_line_break_in_a_class_does_not_break_the_page(tmp_path: Path, command):
    finished_run(tmp_path / "run", of_classes(ALPHABETS["lines"]))
    command("report", "run")
    text = (tmp_path / "run" / "leaderboard.md").read_text(encoding="utf-8")
    assert "(one two,  [31mred)" in text
