"""The page as a file: what stands in it, and that nothing in it can run or load but its own."""

import base64
import hashlib
import json
import re
from html import unescape
from typing import Any

import pytest
from fakes import failed_record, record, run_facts
from fakes_page import HOSTILE, many, standing, standings, trained

from harness.metrics import METRICS
from harness.reports.page.page import FIRST_ROWS, render_page

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
        plots=[(HOSTILE, f"<svg>{HOSTILE}</svg>")],
    )


# The verdict


def test_the_verdict_names_the_first_its_ties_and_the_quickest_of_them():
    assert answer(render_page(standings(BEST, QUICK, WORST))) == (
        "MobileNet with fast-extraction is first: 98.0 % of 100 test images (95 % interval 97.0 to 98.0 %). "
        "2 of 3 rows share the first rank: the test images cannot tell them apart at the 5 % level. "
        "Quickest of those is Xception with fast-extraction: 97.0 %, 20 s from files to result."
    )


def test_a_first_row_that_is_the_quickest_of_its_ties_is_said_to_be():
    slow = standing(trained(0.97, to_result=90, backbone="Xception"))
    assert answer(render_page(standings(BEST, slow))).endswith(
        "It is also the quickest of those: 60 s from files to result."
    )


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
    html = render_page(standings(BEST), plots=[("one & two", svg), ("three", svg)])
    assert re.findall(r'<img alt="([^"]*)"', html) == ["one &amp; two", "three"]
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    assert [base64.b64decode(each).decode() for each in pictures] == [svg, svg]
    assert 'id="same"' not in html
