"""The page as a file: what stands in it, and that nothing in it can run or load but its own."""

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fakes import answers, failed_record, finished_run, record, row, run_facts
from fakes_page import HOSTILE, many, standing, standings, trained
from fakes_timing import timing_record, timing_run
from tables import table

from harness.analysis.frame import load
from harness.analysis.limits import limits
from harness.analysis.recommend import recommend
from harness.analysis.standings import read_standings
from harness.analysis.timing_rows import read_timings
from harness.metrics import METRICS
from harness.reports.leaderboard import leaderboard
from harness.reports.page.page import FIRST_ROWS, render_page
from harness.reports.recommend import render_recommendation
from harness.running.folder import RunFolder

BEST = standing(trained(0.98, to_result=60, backbone="MobileNet"))
QUICK = standing(trained(0.97, to_result=20, backbone="Xception"))
WORST = standing(trained(0.6, to_result=5, backbone="VGG16"), rank=3, tied=False)


def elements(html: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL)


def embedded(html: str) -> dict[str, Any]:
    found = json.loads(elements(html, "script")[0])
    assert isinstance(found, dict)
    return found


def answer(html: str) -> str:
    (found,) = re.findall(r'<p class="answer">(.*?)</p>', html, re.DOTALL)
    return unescape(found)


def hostile() -> str:
    """A page every text of which that comes from outside is hostile."""
    each = trained(0.9, backbone="MobileNet")
    data = each.data.model_copy(update={"classes": (HOSTILE, "犬")})
    row = standing(each.model_copy(update={"data": data, "commit": HOSTILE}))
    return render_page(
        standings(
            row,
            facts=run_facts(command=HOSTILE),
            failed=(failed_record("crashed", HOSTILE, backbone="VGG16"),),
            missing=((HOSTILE, HOSTILE),),
        ),
        plots=lambda: [(HOSTILE, f"<svg>{HOSTILE}</svg>")],
    )


# The verdict


def test_the_verdict_names_the_first_its_ties_and_the_one_to_use():
    assert answer(render_page(standings(BEST, QUICK, WORST))) == (
        "First is MobileNet fast-extraction: 98.0 % of 100 test images (95 % interval 97.0 to 98.0 %). "
        "2 of 3 rows share the first rank: the test images cannot tell them apart at the 5 % level. "
        "Use Xception fast-extraction (97.0 %): it is among the 2 of these that cost the least (0.625 "
        "ms/image of inference time), within the 30 % that by convention count as equal, and of those "
        "the cheapest in the time to a result. From files to result it takes 20 s."
    )


def test_a_first_row_that_is_the_one_to_use_is_said_to_be():
    slow = standing(trained(0.97, to_result=90, backbone="Xception"))
    assert " Use it: it is among the 2 of these" in answer(render_page(standings(BEST, slow)))


def test_a_first_row_without_ties_is_told_with_its_time():
    assert answer(render_page(standings(BEST, WORST))).endswith("It takes from files to result 60 s.")


def test_rows_of_one_backbone_and_strategy_are_named_apart():
    rows = [
        standing(trained(0.98, to_result=60, recipe="smoke")),
        standing(trained(0.97, to_result=20)),
        standing(trained(0.9, train_images=40), rank=3, tied=False),
    ]
    html = render_page(standings(*rows))
    assert "First is MobileNet-0.25 fast-extraction, recipe smoke, all training images: " in answer(html)
    assert "Use MobileNet-0.25 fast-extraction, recipe default, all training images (" in answer(html)
    labels = embedded(html)["sections"][0]["labels"]
    assert len(set(labels)) == 3
    assert labels[2].endswith("40 training images")


def test_it_links_to_what_lies_beside_it_and_to_nothing_else():
    assert "<a " not in render_page(standings(BEST))
    html = render_page(standings(BEST), beside=("my board.md", "comparisons.md"))
    assert re.findall(r'<a href="([^"]*)">', html) == ["./my%20board.md", "./comparisons.md"]


def test_a_run_without_ranks_says_what_it_has():
    failed = tuple(failed_record("oom", "too large", backbone="VGG16", seed=seed) for seed in (0, 1))
    control = standing(trained(0.5, weights="random"), rank=None, tied=False)
    found = standings(controls=(control,), failed=failed, records=(*control.records, *failed))
    assert answer(render_page(found)) == (
        "No row could be ranked. The run has 1 control, 2 cells without a result."
    )


# What stands in it


def test_every_metric_is_a_column_and_those_of_the_leaderboard_are_shown():
    (section,) = embedded(render_page(standings(BEST, WORST)))["sections"]
    shown = {each["heading"]: each["shown"] for each in section["columns"]}
    assert {each.heading: shown[each.heading] for each in METRICS} == {
        each.heading: each.column for each in METRICS
    }
    assert all(shown[name] for name in ("rank", "backbone", "strategy", "95 % interval"))


def test_failed_and_missing_cells_stand_with_status_and_reason():
    crashed = failed_record("crashed", "it broke\nIn line two", backbone="VGG16")
    html = render_page(standings(BEST, failed=(crashed,), missing=(("VGG19/not/started", "interrupted"),)))
    part = html.split("Without a result")[1].split("</table>")[0]
    cells = [elements(line, "th") + elements(line, "td") for line in elements(part, "tr")[1:]]
    assert [[unescape(cell) for cell in line] for line in cells] == [
        [crashed.name, "crashed", "it broke. In line two"],
        ["VGG19/not/started", "not run", "interrupted"],
    ]


def test_the_first_rows_of_a_long_table_stand_as_html_and_all_as_data():
    html = render_page(many(FIRST_ROWS + 50))
    assert len(re.findall(r'<th scope="row"', html)) == FIRST_ROWS
    assert f"{FIRST_ROWS + 50} rows, the first {FIRST_ROWS} are shown" in html
    (section,) = embedded(html)["sections"]
    assert len(section["names"]) == FIRST_ROWS + 50


def test_a_loss_that_is_not_finite_is_missing_and_the_data_strict():
    each = trained(0.9)
    diverged = each.measured.model_copy(update={"test_loss": float("nan")})
    html = render_page(standings(standing(each.model_copy(update={"measured": diverged}))))
    columns = embedded(html)["sections"][0]["columns"]
    (loss,) = [column for column in columns if column["heading"] == "test loss"]
    assert (loss["texts"], loss["values"]) == (["-"], [None])
    assert "NaN" not in elements(html, "script")[0]


def test_the_same_run_gives_the_same_bytes():
    assert render_page(standings(BEST, QUICK)) == render_page(standings(BEST, QUICK))


def test_a_machine_is_named_as_it_is_in_the_leaderboard():
    environment = record().environment.model_copy(update={"processor": "A & B <C>"})
    each = trained(0.9).model_copy(update={"environment": environment})
    assert "A &amp; B &lt;C&gt;, 2 cores" in render_page(standings(standing(each)))


# Nothing else runs or loads


def test_hostile_text_opens_no_element():
    usual = render_page(standings(BEST))
    html = hostile()
    assert html.count("<script") == usual.count("<script") == 2
    assert html.count("</script") == 2
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


@pytest.mark.parametrize("html", [render_page(standings(BEST)), hostile()], ids=["usual", "hostile"])
def test_the_policy_allows_this_very_style_and_script_and_no_address(html: str):
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    allowed = dict(part.split(" ", 1) for part in unescape(policy).split("; "))
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data:"
    for kind, text in (
        ("style-src", elements(html, "style")[0]),
        ("script-src", elements(html, "script")[1]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"


def test_each_plot_is_a_picture_of_its_own_with_its_title():
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><defs><g id="same"/></defs></svg>'
    html = render_page(standings(BEST), plots=lambda: [("one & two", svg), ("three", svg)])
    assert re.findall(r'<img alt="([^"]*)"', html) == ["one &amp; two", "three"]
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    assert [base64.b64decode(each).decode() for each in pictures] == [svg, svg]
    assert 'id="same"' not in html


def test_a_picture_has_its_title_inside_and_not_above_it_as_well():
    html = render_page(standings(BEST), plots=lambda: [("one title", "<svg/>")])
    assert re.findall(r">\s*one title\s*<", html) == []
    assert 'aria-label="one title"' in html


# The leaderboard, the page and the exports


@pytest.fixture
def mixed(tmp_path: Path) -> RunFolder:
    """Seeds, devices, parts of the training images, a row that lacks a seed, a control and a failure."""
    rows = [
        row(answers(right, first=seed), seed=seed, loss=0.1 * seed + 0.1, **axes)
        for seed in (0, 1)
        for right, axes in (
            (90, {"backbone": "VGG16"}),
            (84, {"backbone": "VGG16", "train_images": 40}),
            (89, {"backbone": "VGG16", "device": "gpu"}),
            (60, {"backbone": "Xception"}),
            (50, {"backbone": "VGG16", "weights": "random"}),
        )
    ]
    rows += [row(answers(95), backbone="VGG19")]
    return finished_run(
        tmp_path / "run", [*rows, (failed_record("oom", "no", backbone="VGG19", seed=1), None)]
    )


def test_the_ranked_tables_say_what_the_leaderboard_says(mixed: RunFolder, tmp_path: Path):
    timed = [timing_record(in_pass=number, backbone="Xception", batch=32, device="gpu") for number in (1, 2)]
    rows = read_timings(timing_run(tmp_path / "timings", timed)).rows
    found = read_standings(mixed)
    text = leaderboard(found, rows)
    boards = [table(part) for part in text.split("\n## ") if part.startswith("Ranked")]
    sections = [each for each in embedded(render_page(found, timings=rows))["sections"] if any(each["tied"])]
    assert [len(board) for board in boards] == [3, 1]
    for board, each in zip(boards, sections, strict=True):
        shown = [column for column in each["columns"] if column["shown"]]
        assert [
            {column["heading"]: column["texts"][place] for column in shown} for place in range(len(board))
        ] == board
    of_xception = next(line for line in boards[0] if line["backbone"] == "Xception")
    assert of_xception["inference on gpu (ms/step)"] == f"{rows[0].milliseconds:.1f}"


def test_the_table_has_the_rows_that_the_leaderboard_ranks(mixed: RunFolder):
    found, frame = read_standings(mixed), load(mixed.path)
    for each in [every for ranked in found.tables for every in ranked.rows]:
        own = frame[(frame["configuration"] == each.name) & (frame["standing"] == "ranked")]
        assert list(own["seed"]) == list(each.seeds)
        assert set(own["rank"]) == {each.rank}
        assert own["test_accuracy"].mean() == pytest.approx(each.accuracy)
        assert set(own["row_accuracy"]) == {each.accuracy}
        assert set(own["train_images"].dropna()) == ({40} if each.cell.train_images else set())
    standing_of = dict(zip(frame["cell"], frame["standing"], strict=True))
    assert sorted(standing_of.values()) == ["control"] * 2 + ["none"] + ["partial"] + ["ranked"] * 8


def test_a_part_of_the_training_images_is_named_where_it_is_recommended(mixed: RunFolder):
    told = " ".join(render_recommendation(recommend(read_standings(mixed), limits(), device="cpu")).split())
    assert "VGG16 fast-extraction, 40 training images" in told
    assert "VGG16 fast-extraction, all training images" in told
