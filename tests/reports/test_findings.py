"""What a comparison found as a comment and in a terminal."""

import io
import re
from pathlib import Path
from typing import Any

from fakes import answers, failed_record, row
from fakes_compare import steps, trial
from fakes_judged import changed, judged, usual_rows
from rich.console import Console
from tables import table

from harness.comparison.finding import Judgement
from harness.errors import UserError
from harness.reports.findings import (
    MOST_LINES,
    MOST_ROWS,
    render_findings,
    render_refusal,
    terminal_findings,
    verdict,
)

BACKBONES = ("VGG16", "VGG19", "Xception", "ResNet50")


def many(folder: Path, count: int = 80) -> Judgement:
    """A run in which every cell is worse, each by a number of its own."""
    before = [row(answers(1000, 1000), seed=seed) for seed in range(count)]
    after = [row(answers(900 - seed, 1000), seed=seed) for seed in range(count)]
    return judged(folder, before, after)


def shown(found: Judgement, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=400, **options)
    console.print(terminal_findings(found))
    return console.file.getvalue()


def mixed(folder: Path) -> Judgement:
    before = [trial(950), *(trial(900, backbone=name) for name in BACKBONES[:3])]
    data = trial(950)[0].data
    after = [
        trial(950, train=steps(200.0)),
        trial(850, backbone="VGG16"),
        trial(900, first=1, backbone="VGG19"),
        (failed_record("crashed", "a | `b` <b>c</b>\n@someone", backbone="Xception", data=data), None),
        trial(900, backbone="ResNet50"),
    ]
    return judged(folder, before, [changed(each, commit="ba9876543210") for each in after])


def test_the_verdict_counts_what_fails(tmp_path: Path):
    assert verdict(mixed(tmp_path / "bad")).startswith("3 regressions in 2 of 5 cells of `tiny`; ")
    assert (
        verdict(judged(tmp_path / "good", usual_rows(), usual_rows()))
        == "No regression in 3 cells of `tiny`."
    )


def test_a_comment_begins_with_the_verdict_and_tells_the_worst_first(tmp_path: Path):
    text = render_findings(mixed(tmp_path))
    assert text.startswith("### 3 regressions in 2 of 5 cells of `tiny`; ")
    headings = re.findall(r"^#### (.*)$", text, re.MULTILINE)
    assert headings == ["Regressions", "Changed set-up", "Advisory", "New", "Figures of these cells"]


def test_a_change_of_all_cells_stands_once(tmp_path: Path):
    text = render_findings(mixed(tmp_path))
    assert text.count("ba9876543210` (all 4 cells)") == 1


def test_what_came_from_outside_is_inert(tmp_path: Path):
    text = render_findings(mixed(tmp_path))
    (line,) = [line for line in text.splitlines() if "@someone" in line]
    assert "`a | 'b' <b>c</b> @someone`" in line
    bare = re.sub(r"`[^`]*`", "", text)
    assert "@" not in bare
    assert "<b>" not in bare


def test_unchanged_cells_and_what_is_within_its_margin_are_folded(tmp_path: Path):
    text = render_findings(mixed(tmp_path))
    folds = re.findall(r"<details><summary>(.*?)</summary>\n\n(.*?)\n\n</details>", text, re.DOTALL)
    assert [summary for summary, _ in folds] == [
        "1 cell within the margins",
        "2 changes within the margin",
    ]
    assert "VGG19" in folds[0][1]
    assert folds[1][1].startswith("- `VGG19/")


def test_the_table_has_figures_before_and_after_with_units(tmp_path: Path):
    text = render_findings(judged(tmp_path, [trial(950)], [trial(900)]))
    (line,) = table(text.split("#### Figures")[1])
    assert line["cell"].startswith("`MobileNet-0.25/")
    assert line["test accuracy (%)"] == "95.0 to 90.0"
    assert line["train (ms/step)"] == "20.0"
    assert line["own memory (MB)"] == "600"


def test_a_run_without_a_finding_is_short(tmp_path: Path):
    text = render_findings(judged(tmp_path, usual_rows(), usual_rows()))
    assert "####" not in text
    assert "<summary>3 cells within the margins</summary>" in text


def test_a_comment_fits_into_what_github_takes(tmp_path: Path):
    found = many(tmp_path)
    text = render_findings(found)
    assert len(text) < 65_536
    regressions = text.split("#### Regressions")[1].split("####")[0]
    assert len(re.findall(r"^- `MobileNet", regressions, re.MULTILINE)) == MOST_LINES
    assert f"- and {len(found.of('regression')) - MOST_LINES} more; `--json` has all of them" in regressions
    assert f"The first {MOST_ROWS} of 80 cells." in text


def test_a_terminal_shows_a_line_a_finding_what_is_within_its_margin_last(tmp_path: Path):
    text = shown(mixed(tmp_path))
    lines = text.splitlines()
    assert lines[0].startswith("3 regressions in 2 of 5 cells of `tiny`")
    words = [line.split()[0] for line in lines[3:]]
    assert words == ["regression"] * 3 + ["changed", "advisory", "new"] + ["within"] * 2


def test_a_terminal_is_kept_short(tmp_path: Path):
    assert len(shown(many(tmp_path)).splitlines()) < MOST_LINES + 10


def test_colour_marks_a_regression_on_a_terminal_alone(tmp_path: Path):
    found = mixed(tmp_path)
    coloured = {"force_terminal": True, "color_system": "standard"}
    assert "\x1b[1;31m" in shown(found, **coloured, no_color=False)
    assert "\x1b[1;31m" not in shown(found, **coloured, no_color=True)
    assert "\x1b" not in shown(found, color_system=None)


def test_names_are_not_read_as_markup_of_the_terminal(tmp_path: Path):
    gone = (failed_record("crashed", "[bold]x[/bold]"), None)
    assert "[bold]x[/bold]" in shown(judged(tmp_path, [trial(900)], [gone]))


def test_a_refusal_says_why_and_what_to_do():
    text = render_refusal(UserError("other `images`", where="run", hint="Run on <b>those</b>."))
    assert text == "### Not compared\n\n`run: other 'images'`\n\n`Run on <b>those</b>.`\n"
