"""The page in a real Chromium: sorting, filtering, curves, and that nothing is loaded or complained about."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes import epoch, failed_record, run_facts
from fakes_page import HOSTILE, many, standing, standings, trained, two_phases, without

from harness.analysis.standings import Standings
from harness.metrics import metric
from harness.reports.page.page import FIRST_ROWS, render_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here; `nox -s browser` installs Debian's, where it may"
)

Open = Callable[..., AbstractContextManager[Any]]

# Nearer to each other than what is shown, with a tie, and one that lacks each time.
RUN = standings(
    standing(trained(0.98001, to_result=61.2, backbone="MobileNet")),
    standing(without(trained(0.98, backbone="NASNetMobile"), "seconds", "train_step")),
    standing(trained(0.97, to_result=61.4, backbone="VGG16", strategy="fine-tuning", depth="blocks:1")),
    standing(trained(0.97, to_result=20.0, backbone="VGG19"), tied=False),
    standing(trained(0.96, to_result=1000.0, backbone="Xception"), rank=5, tied=False),
    standing(
        *(trained(0.95, epochs=two_phases(), to_result=20.0, backbone="ResNet50", seed=s) for s in (0, 1)),
        rank=6,
        tied=False,
    ),
    controls=(standing(trained(0.5, backbone="MobileNet", weights="random"), rank=None, tied=False),),
    partial=(standing(trained(0.9, backbone="DenseNet121"), rank=None, tied=False),),
    failed=(failed_record("crashed", "it broke", backbone="VGG16", strategy="fine-tuning", depth="all"),),
    missing=(("VGG19/imagenet/fast-extraction/none/default/224px/seed0/cpu/float32", "interrupted"),),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests of this module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Open:
    """Opens a run's page; fails on a complaint of the console, and on a request for anything but the file."""

    @contextmanager
    def opening(found: Standings | str, *, width: int = 1280, **options: Any) -> Iterator[Any]:
        file = tmp_path / "page.html"
        file.write_text(found if isinstance(found, str) else render_page(found), encoding="utf-8")
        complaints: list[str] = []
        requests: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 740}, **options)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        yield page
        context.close()
        assert complaints == []
        assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]

    return opening


def texts(page: Any, heading: str, section: str = "ranked-1") -> list[str]:
    """The texts of a column of a table, as they stand."""
    found = page.evaluate(
        """([section, heading]) => {
          const table = document.querySelector(`#${section} table`);
          const place = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === heading);
          const rows = [...table.tBodies[0].rows].filter((row) => row.cells.length > 1);
          const cells = rows.map((row) => row.cells[place]);
          return cells.map((cell) => (cell.querySelector("button") ?? cell).textContent);
        }""",
        [section, heading],
    )
    assert isinstance(found, list)
    return found


def press(page: Any, heading: str) -> None:
    page.locator("#ranked-1 thead").get_by_role("button", name=heading, exact=True).click()


def by(name: str, *, highest_first: bool = False) -> list[str]:
    """The backbones in Python's order by a metric; equals in the order of ranks, those without it last."""
    rows = [(row.cell.backbone, row.value(metric(name))) for row in RUN.tables[0].rows]
    known = sorted(
        ((value, backbone) for backbone, value in rows if value is not None),
        key=lambda each: -each[0] if highest_first else each[0],
    )
    return [backbone for _, backbone in known] + [backbone for backbone, value in rows if value is None]


RANKED = [row.cell.backbone for row in RUN.tables[0].rows]


# Sorting


def test_rows_stand_in_the_leaderboards_order_at_first_though_a_rank_may_be_out_of_line(opened: Open):
    ranked = [("Xception", 1), ("MobileNet", 3), ("VGG16", 2)]
    rows = [standing(trained(0.9 - rank / 100, backbone=name), rank=rank) for name, rank in ranked]
    with opened(standings(*rows)) as page:
        assert texts(page, "backbone") == [name for name, _ in ranked]
        press(page, "rank")
        assert texts(page, "rank") == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("heading", "name", "highest_first"),
    [("test accuracy (%)", "test_accuracy", True), ("to result (s)", "to_result_s", False)],
)
def test_a_column_sorts_best_first_then_worst_first_then_as_at_first(
    heading: str, name: str, highest_first: bool, opened: Open
):
    with opened(RUN) as page:
        orders = []
        for _ in range(3):
            press(page, heading)
            orders.append(texts(page, "backbone"))
        best, worst = by(name, highest_first=highest_first), by(name, highest_first=not highest_first)
        assert orders == [best, worst, RANKED]


def test_missing_values_stand_last_in_both_directions(opened: Open):
    with opened(RUN) as page:
        for _ in range(2):
            press(page, "to result (s)")
            assert texts(page, "to result (s)")[-1] == "-"
            assert texts(page, "to result (s)").count("-") == 1


def test_a_column_of_words_sorts_by_the_words(opened: Open):
    with opened(RUN) as page:
        press(page, "backbone")
        assert texts(page, "backbone") == sorted(RANKED)


def test_a_header_is_pressed_by_the_keyboard_says_how_it_sorts_and_keeps_the_focus(opened: Open):
    with opened(RUN) as page:
        header = page.locator("#ranked-1 thead").get_by_role("button", name="test loss")
        header.focus()
        page.keyboard.press("Enter")
        cell = page.locator("#ranked-1 thead th", has=page.locator("button", has_text="test loss"))
        assert cell.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert cell.get_attribute("aria-sort") == "descending"
        assert page.locator("#ranked-1 [aria-sort]").count() == 1


def test_tables_sort_each_by_itself(opened: Open):
    with opened(RUN) as page:
        press(page, "to result (s)")
        assert page.locator("#controls [aria-sort]").count() == 0


# Filtering


@pytest.mark.parametrize(
    ("typed", "left"),
    [("vgg", ["VGG16", "VGG19"]), ("VGG fine", ["VGG16"]), ("blocks:1", ["VGG16"]), ("nothing", [])],
)
def test_words_filter_backbone_and_strategy(typed: str, left: list[str], opened: Open):
    with opened(RUN) as page:
        page.get_by_label("Search").fill(typed)
        assert texts(page, "backbone") == left
        assert page.locator("#ranked-1 .count").inner_text().startswith(f"{len(left)} of 6 rows")


def test_a_backbone_and_a_strategy_are_chosen_in_every_table(opened: Open):
    with opened(RUN) as page:
        page.locator("#backbone").select_option("VGG16")
        page.locator("#strategy").select_option("fine-tuning")
        assert texts(page, "backbone") == ["VGG16"]
        assert texts(page, "status", "without-result") == ["crashed"]
        assert texts(page, "backbone", "controls") == []
        page.get_by_role("button", name="Clear").click()
        assert texts(page, "backbone") == RANKED


def test_only_rows_tied_with_the_best_can_be_left(opened: Open):
    with opened(RUN) as page:
        page.get_by_label("only rows tied with the best").check()
        assert texts(page, "backbone") == [row.cell.backbone for row in RUN.tables[0].tied]


def test_what_is_filtered_keeps_its_order(opened: Open):
    with opened(RUN) as page:
        press(page, "to result (s)")
        page.get_by_label("Search").fill("vgg")
        assert texts(page, "backbone") == ["VGG19", "VGG16"]


def test_a_metric_that_the_leaderboard_lacks_is_a_column_when_it_is_chosen(opened: Open):
    with opened(RUN) as page:
        page.locator("#columns summary").click()
        page.get_by_label("validation loss").check()
        assert set(texts(page, "validation loss")) == {"0.300", "0.400"}
        page.get_by_label("validation loss").uncheck()
        assert "validation loss" not in page.locator("#ranked-1 thead").inner_text()


def test_a_table_is_not_sorted_by_a_column_that_was_taken_away(opened: Open):
    with opened(RUN) as page:
        press(page, "to result (s)")
        page.locator("#columns summary").click()
        page.get_by_label("to result (s)").uncheck()
        assert texts(page, "backbone") == RANKED


# Curves


def choose(page: Any, backbone: str) -> Any:
    page.locator("#ranked-1 tbody").get_by_role("button", name=f"{backbone} ").click()
    return page.locator("#ranked-1 tr.curves")


def points(panel: Any, chart: str, line: str) -> int:
    found = panel.locator(f"svg.{chart} .point.{line}").count()
    assert isinstance(found, int)
    return found


def test_a_chosen_row_shows_a_point_for_every_epoch_of_every_seed(opened: Open):
    with opened(RUN) as page:
        panel = choose(page, "ResNet50")
        drawn = [
            points(panel, chart, line)
            for chart in ("accuracy", "loss")
            for line in ("training", "validation")
        ]
        assert drawn == [2 * len(two_phases())] * 4
        assert points(panel, "accuracy", "chosen") == 2
        assert "seeds 0, 1" in panel.inner_text()


def test_a_points_height_is_its_value(opened: Open):
    """On the scale that the labels of the axis give."""
    with opened(RUN) as page:
        panel = choose(page, "ResNet50")
        labels = panel.locator("svg.accuracy text.end").evaluate_all(
            "all => all.map((each) => [Number(each.textContent), Number(each.getAttribute('y')) - 4])"
        )
        drawn = panel.locator("svg.accuracy rect.point").evaluate_all(
            "all => all.map((each) => Number(each.getAttribute('y')) + 2.5)"
        )
        (low, below), (high, above) = min(labels), max(labels)
        shares = [low + (below - place) / (below - above) * (high - low) for place in drawn]
        wanted = [100 * (each.validation_accuracy or 0) for each in two_phases()]
        assert shares == pytest.approx(wanted * 2, abs=0.05)


def test_the_numbers_of_a_curve_stand_beside_it(opened: Open):
    with opened(RUN) as page:
        panel = choose(page, "ResNet50")
        panel.locator("summary").click()
        lines = panel.locator(".numbers tbody tr").all_inner_texts()
        assert len(lines) == 2 * len(two_phases())
        assert lines[0].split("\t") == ["0", "head", "1", "90.00", "81.00", "0.3000", "0.4000"]


def test_a_probe_is_drawn_by_strength(opened: Open):
    tried = [epoch(place + 1, "probe", strength=10.0 ** (place - 4)) for place in range(7)]
    with opened(standings(standing(trained(0.9, epochs=tried, strategy="linear-probe")))) as page:
        panel = choose(page, "MobileNet-0.25")
        assert points(panel, "loss", "validation") == 7
        assert "strength C" in panel.locator("svg.loss").text_content()
        assert "C 0.0001" in panel.locator("svg.loss .point title").first.text_content()


def test_an_epoch_without_a_finite_value_is_a_gap(opened: Open):
    epochs = [epoch(1), epoch(2, loss=float("nan")), epoch(3)]
    with opened(standings(standing(trained(0.9, epochs=epochs)))) as page:
        panel = choose(page, "MobileNet-0.25")
        assert (points(panel, "loss", "training"), points(panel, "loss", "validation")) == (2, 3)


def test_a_row_that_trained_nothing_says_so(opened: Open):
    each = trained(0.9, strategy="zero-shot")
    bare = each.measured.model_copy(update={"history": (), "chosen": None, "best": None})
    with opened(standings(standing(each.model_copy(update={"measured": bare})))) as page:
        assert "there is no curve" in choose(page, "MobileNet-0.25").inner_text()


def test_a_row_stays_open_while_the_table_is_sorted_and_closes_when_chosen_again(opened: Open):
    with opened(RUN) as page:
        choose(page, "ResNet50")
        press(page, "to result (s)")
        button = page.locator("#ranked-1 tbody").get_by_role("button", name="ResNet50 ")
        assert button.get_attribute("aria-expanded") == "true"
        button.click()
        assert page.locator("tr.curves").count() == 0


# Long tables, narrow screens, no script, hostile text


def test_a_long_table_is_drawn_in_parts_and_sorted_as_a_whole(opened: Open):
    count = FIRST_ROWS + 30
    with opened(many(count)) as page:
        assert len(texts(page, "rank")) == FIRST_ROWS
        press(page, "to result (s)")
        assert texts(page, "to result (s)") == [str(seconds) for seconds in range(FIRST_ROWS)]
        page.locator("#ranked-1 .more").click()
        assert len(texts(page, "rank")) == count
        assert not page.locator("#ranked-1 .more").is_visible()


def test_without_javascript_the_same_rows_stand_there(opened: Open):
    def rows(page: Any) -> Sequence[str]:
        found = page.locator("tbody tr").all_text_contents()
        return ["".join(text.split()) for text in found]

    with opened(RUN) as page:
        drawn = rows(page)
    with opened(RUN, java_script_enabled=False) as page:
        assert rows(page) == drawn
        assert not page.locator("#filters").is_visible()
        assert "Without JavaScript" in page.locator("main").inner_text()


@pytest.mark.parametrize("javascript", [True, False])
def test_at_phone_width_the_tables_scroll_and_the_page_does_not(javascript: bool, opened: Open):
    long = "x" * 300
    found = standings(
        *RUN.tables[0].rows,
        facts=run_facts(command=long, matrix="m" * 80),
        failed=(failed_record("crashed", long, backbone="VGG16"),),
    )
    with opened(found, width=360, java_script_enabled=javascript) as page:
        if javascript:
            page.locator("#columns summary").click()
            choose(page, "ResNet50").locator("summary").click()
        assert page.locator("body").bounding_box()["width"] <= 360
        box = page.locator("#ranked-1 .box").first.bounding_box()
        assert box["x"] + box["width"] <= 360
        assert page.locator("#ranked-1 table").first.bounding_box()["width"] > 360
        # Without its script a page cannot be asked how far it scrolls.
        if javascript:
            assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_name_of_a_row_stays_in_sight_while_its_table_scrolls(opened: Open):
    with opened(RUN, width=360) as page:
        page.locator("#ranked-1 .box").evaluate("box => { box.scrollLeft = 400; }")
        name = page.locator("#ranked-1 tbody th").first.bounding_box()
        assert name["x"] >= 0
        assert "fast-extraction" in page.locator("#ranked-1 tbody th").first.inner_text()


def test_what_lies_to_the_right_of_a_table_is_told_until_it_is_reached(opened: Open):
    with opened(RUN, width=1000) as page:
        hint, frame = page.locator("#ranked-1 .hint"), page.locator("#ranked-1 .frame")
        assert "to the right for " in hint.inner_text()
        assert "cut" in frame.get_attribute("class").split()
        page.locator("#ranked-1 .box").evaluate("box => { box.scrollLeft = box.scrollWidth; }")
        page.locator("#ranked-1 .frame:not(.cut)").wait_for()
    with opened(RUN, width=4000) as page:
        assert not page.locator("#ranked-1 .hint").is_visible()
        assert "cut" not in page.locator("#ranked-1 .frame").get_attribute("class").split()


def test_on_a_phone_a_name_and_its_accuracy_are_in_sight(opened: Open):
    with opened(RUN, width=360) as page:
        name = page.locator("#ranked-1 tbody tr").first.locator("th").bounding_box()
        accuracy = page.locator("#ranked-1 tbody tr").first.locator("td.best").first.bounding_box()
        assert texts(page, "test accuracy (%)")[0] == "98.0"
        assert name["x"] + name["width"] <= accuracy["x"] + 1
        assert accuracy["x"] + accuracy["width"] <= 348
        page.set_viewport_size({"width": 1280, "height": 740})
        page.locator("#ranked-1 thead th:first-child", has_text="rank").wait_for()


def test_a_picture_that_is_wider_than_a_phone_says_so(opened: Open):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="200"/>'
    for width, told in ((360, True), (1280, False)):
        with opened(render_page(RUN, plots=lambda: [("one", svg)]), width=width) as page:
            page.wait_for_load_state("load")
            assert page.locator("figure .hint").is_visible() == told


def test_dark_is_used_where_it_is_preferred(opened: Open):
    grounds = []
    for scheme in ("light", "dark"):
        with opened(RUN, color_scheme=scheme) as page:
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


def test_hostile_text_is_shown_and_does_not_run(opened: Open):
    each = trained(0.9, backbone="MobileNet")
    data = each.data.model_copy(update={"classes": (HOSTILE, "犬")})
    found = standings(
        standing(each.model_copy(update={"data": data})),
        facts=run_facts(command=HOSTILE),
        failed=(failed_record("crashed", HOSTILE, backbone="VGG16"),),
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=1"><text>{HOSTILE}</text></svg>'
    with opened(render_page(found, plots=lambda: [(HOSTILE, svg)])) as page:
        assert page.title() == "transferbench: tiny"
        assert texts(page, "reason", "without-result") == [HOSTILE]
        assert page.locator("dd", has_text="犬").inner_text().count(HOSTILE) == 1
        assert page.locator(".facts code").inner_text() == HOSTILE
        assert page.locator("img[src=x]").count() == 0


def test_what_the_policy_forbids_is_complained_about(opened: Open):
    """The check for complaints can fail: a script that is not the page's own does not run."""
    spoiled = render_page(RUN).replace("</main>", "<script>document.title = 'owned'</script></main>")
    with pytest.raises(AssertionError), opened(spoiled) as page:
        assert page.title() == "transferbench: tiny", "it ran"


def test_plots_are_seen_at_their_size(opened: Open):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><style>rect { fill: red }</style>'
        '<rect style="fill: blue" width="9" height="9"/></svg>'
    )
    with opened(render_page(RUN, plots=lambda: [("one", svg), ("two", svg)])) as page:
        sizes = page.locator("figure img").evaluate_all(
            "all => all.map((each) => [each.complete, each.naturalWidth, each.naturalHeight])"
        )
        assert sizes == [[True, 300, 200]] * 2
