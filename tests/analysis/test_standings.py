"""Who is ranked, who is tied, and what of a row with several seeds is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import answers, finished_run, record, row
from tables import section, table

from harness.analysis.limits import limits
from harness.analysis.recommend import recommend
from harness.analysis.standings import Standings, kept, read_standings
from harness.metrics import metric
from harness.reports.leaderboard import leaderboard
from harness.statistics import mcnemar


@pytest.fixture
def intransitive(tmp_path: Path) -> Standings:
    """A third row that cannot be told from the first, yet is significantly worse than the second."""
    first, second, third = answers(900, 1000), answers(899, 1000, first=200), answers(880, 1000, first=200)
    assert 3 * mcnemar(first.correct, third.correct) > 0.05 > 3 * mcnemar(second.correct, third.correct)
    rows = [
        row(each, backbone=name)
        for name, each in zip(("VGG16", "VGG19", "Xception"), (first, second, third), strict=True)
    ]
    return read_standings(finished_run(tmp_path, rows))


def test_a_row_that_another_one_beats_is_not_tied(intransitive: Standings):
    (ranked,) = intransitive.tables
    assert [(each.cell.backbone, each.rank, each.tied) for each in ranked.rows] == [
        ("VGG16", 1, True),
        ("VGG19", 1, True),
        ("Xception", 2, False),
    ]


def test_the_verdict_counts_the_rows_that_the_table_gives_the_first_rank(intransitive: Standings):
    text = leaderboard(intransitive)
    first = sum(line["rank"] == "1" for line in table(section(text, "Ranked")))
    assert f"{first} of 3 rows share the first rank" in text


def test_a_row_that_another_one_beats_is_not_recommended(intransitive: Standings):
    (group,) = recommend(intransitive, limits()).groups
    assert [each.row.cell.backbone for each in group.worse] == ["Xception"]


@pytest.mark.parametrize("recipe", ["default", "seedling", "seed0"])
def test_a_row_that_lacks_a_seed_is_known_whatever_its_recipe_is_called(recipe: str, tmp_path: Path):
    lost = record(recipe=recipe, seed=1).name
    found = read_standings(finished_run(tmp_path, [row(answers(90), recipe=recipe)], missing=[lost]))
    assert (len(found.tables), [each.seeds for each in found.partial]) == (0, [(0,)])


@pytest.mark.parametrize("recipe", ["default", "seed0"])
def test_seeds_of_a_recipe_are_one_row_whatever_it_is_called(recipe: str, tmp_path: Path):
    rows = [row(answers(90), recipe=recipe, seed=seed) for seed in (0, 1)]
    assert [each.seeds for each in read_standings(finished_run(tmp_path, rows)).tables[0].rows] == [(0, 1)]


@pytest.mark.parametrize(
    ("opened", "told"), [((4, 6, 8), 6), ((4, None, 8), 8), ((4, None, None), None), ((None, None), None)]
)
def test_a_gap_that_never_opens_counts_as_opening_last(opened: tuple[int | None, ...], told: int | None):
    assert metric("gap_opens_at").of([record(gap_opens_at=each) for each in opened]) == told


def test_a_mean_that_would_leave_a_seed_out_is_none():
    whole = record()
    lost = record(measured=whole.measured.model_copy(update={"test_loss": None}))
    loss = metric("test_loss")
    assert loss.of([whole, whole]) == pytest.approx(whole.measured.test_loss)
    assert loss.of([whole, lost]) is None


def test_a_rows_figures_are_those_of_its_seeds(tmp_path: Path):
    rights = (90, 93, 96)
    rows = [row(answers(right), loss=right / 1000, seed=seed) for seed, right in enumerate(rights)]
    (found,) = read_standings(finished_run(tmp_path, rows)).tables[0].rows
    assert found.accuracy == pytest.approx(np.mean(rights) / 100)
    assert found.spread == pytest.approx(np.std(rights, ddof=1) / 100)
    assert found.value(metric("test_loss")) == pytest.approx(np.mean(rights) / 1000)


def test_what_is_kept_is_made_once_for_each_run(intransitive: Standings):
    asked: list[Standings] = []

    @kept
    def make(found: Standings) -> int:
        asked.append(found)
        return len(asked)

    other = replace(intransitive, controls=())
    assert [make(each) for each in (intransitive, intransitive, other, intransitive)] == [1, 1, 2, 1]
