"""How a plan is told: only what tells cells apart, reasons once, long ones folded."""

from pathlib import Path
from typing import Any

import pytest
from fakes import MATRIX, matrix, put

from harness.backbones import BACKBONES, backbone
from harness.reports.plan import plan_facts, render_plan, told_epochs
from harness.running.planner import Planned, make_plan

pytestmark = pytest.mark.usefixtures("empty_keras_home")

GRID = """\
name = "many"

[[grid]]
backbones = {backbones}
strategies = ["fast-extraction", "augmented-extraction", "fine-tuning"]
depths = ["blocks:1"]
seeds = {seeds}
"""
PRETRAINED = MATRIX.replace('"random"', '"imagenet"')


def planned(tmp_path: Path, text: str = MATRIX, *, offline: bool = False) -> list[Planned]:
    return make_plan(matrix(tmp_path, text), None, offline=offline)


def grid(backbones: str = '["all"]', seeds: str = "[0]") -> str:
    return GRID.format(backbones=backbones, seeds=seeds)


def told(plan: list[Planned], **options: Any) -> str:
    return render_plan("tiny", plan, None, **options)


def rows(text: str) -> list[list[str]]:
    """The words of the table's lines, without its rule."""
    lines = text.split("\n\n")[1].splitlines()
    return [line.split() for line in (lines[0], *lines[2:])]


# What tells cells apart


def test_columns_are_those_that_tell_cells_apart(tmp_path: Path):
    header, *cells = rows(told(planned(tmp_path)))
    assert header == ["backbone", "strategy", "epochs", "seed"]
    assert cells[0] == ["MobileNet-0.25", "fast-extraction", "20", "0"]
    assert len(cells) == 4


def test_what_is_the_same_for_all_is_said_once(tmp_path: Path):
    text = told(planned(tmp_path))
    assert text.startswith("tiny: 4 cells; all with random weights, recipe default, 32 px, cpu, float32\n")
    assert text.count("float32") == 1


def test_the_epochs_of_each_phase_are_told(tmp_path: Path):
    assert rows(told(planned(tmp_path)))[3][:6] == [
        "MobileNet-0.25",
        "fine-tuning",
        "blocks:1",
        "20",
        "+",
        "4",
    ]


def test_a_probe_tells_its_strengths_and_zero_shot_that_nothing_trains(tmp_path: Path):
    text = (
        MATRIX.replace('"fast-extraction", "fine-tuning"', '"linear-probe", "zero-shot"')
        .replace('"random"', '"imagenet"')
        .replace('depths = ["blocks:1"]\n', "")
    )
    assert [told_epochs(each.phases) for each in planned(tmp_path, text)] == ["17 strengths", "none"]


ZERO_SHOT = MATRIX.replace('"fast-extraction", "fine-tuning"', '"zero-shot"').replace(
    'depths = ["blocks:1"]\n', ""
)


def test_zero_shot_alone_has_no_epochs_and_a_size_of_its_own(tmp_path: Path):
    text = " ".join(told(planned(tmp_path, ZERO_SHOT)).split())
    assert "all with zero-shot, no epochs, imagenet-top weights, recipe default, 224 px, " in text
    assert "Zero-shot is at the native size, whatever sizes says" in text
    assert "Zero-shot" not in told(planned(tmp_path))


def test_parts_of_the_training_images_have_a_column_or_are_said_once(tmp_path: Path):
    header, *cells = rows(told(planned(tmp_path, MATRIX + 'train_images = [4, "all"]\n')))
    assert header == ["backbone", "strategy", "epochs", "training", "images", "seed"]
    assert [each[-2:] for each in cells] == 2 * [["4", "0"], ["4", "1"], ["all", "0"], ["all", "1"]]
    text = " ".join(told(planned(tmp_path, MATRIX + "train_images = [4]\n")).split())
    assert "recipe default, 32 px, 4 training images, cpu, float32" in text


def test_a_cell_on_a_gpu_is_ready_if_there_is_one(tmp_path: Path):
    text = told(planned(tmp_path, MATRIX + 'devices = ["cpu", "gpu"]\n'))
    assert "`transferbench doctor --require-gpu` tells" in text
    assert text.endswith("\n8 cells: 4 ready, 4 ready if there is a GPU")
    assert "GPU" not in told(planned(tmp_path))


# Many cells


def test_a_matrix_of_every_backbone_folds_to_a_row_each(tmp_path: Path):
    plan = planned(tmp_path, grid(seeds="[0, 1, 2]"))
    text = told(plan)
    assert f"tiny: {len(plan)} cells in {len(BACKBONES)} rows (--json lists each)" in text
    assert [row[0] for row in rows(text)[1:]] == list(BACKBONES)
    assert "all with fast-extraction (20 epochs), augmented-extraction (5 epochs), fine-tuning blocks:1 " in (
        " ".join(text.split())
    )
    assert "seed 0, 1, 2" in " ".join(text.split())


def test_cells_that_differ_in_more_are_not_folded_together(tmp_path: Path):
    text = grid(seeds="[0, 1]") + '\n[[grid]]\nbackbones = ["VGG16"]\nstrategies = ["linear-probe"]\n'
    vgg = [row for row in rows(told(planned(tmp_path, text))) if row[0] == "VGG16"]
    assert [("linear-probe" in row, "fast-extraction" in row) for row in vgg] == [
        (False, True),
        (True, False),
    ]


def test_lists_that_look_alike_when_shortened_are_not_folded_together(tmp_path: Path):
    """Two sizes with other seeds: both read "0, 1, 2, 3, 4 and 2 more"."""
    one = '[[grid]]\nbackbones = ["all"]\nstrategies = ["fast-extraction"]\n'
    text = (
        f'name = "x"\n{one}sizes = [96]\nseeds = {list(range(7))}\n'
        f"{one}sizes = [128]\nseeds = {[*range(6), 99]}\n"
    )
    header, *cells = rows(told(planned(tmp_path, text)))
    assert header == ["backbone", "size", "seed"]
    assert len(cells) == 2 * len(BACKBONES)


def test_few_cells_keep_a_row_each(tmp_path: Path):
    assert len(rows(told(planned(tmp_path, grid('["VGG16"]', "[0, 1, 2]"))))) == 1 + 9


# What keeps cells from running


def test_offline_each_cell_has_a_short_note_and_the_reason_stands_once(tmp_path: Path):
    text = told(planned(tmp_path, grid('["VGG16", "VGG19"]'), offline=True))
    assert text.count("vgg16_weights") == 1
    assert "[1] skipped: 2 weights files not in " in " ".join(text.split())  # lines fold by the folder's name
    assert text.endswith("\n6 cells: 6 skipped")
    assert "float32; all: skipped [1]" in " ".join(text.split())  # no row needs to bear it


def test_a_note_stands_beside_those_cells_alone_that_it_concerns(tmp_path: Path):
    text = MATRIX.replace('["random"]', '["random", "imagenet"]')
    found = rows(told(planned(tmp_path, text, offline=True)))
    notes = {("imagenet" in row, row[-2:] == ["skipped", "[1]"]) for row in found[1:]}
    assert notes == {(True, True), (False, False)}


def test_downloads_are_named_with_their_backbones_and_about_how_much_they_are(tmp_path: Path):
    text = told(planned(tmp_path, grid('["VGG16", "VGG19"]')))
    assert "download: 2 weights files, about 139 MB" in text
    assert f"  VGG16  {backbone('VGG16').weights.name}\n" in text
    assert text.endswith("\n6 cells: 6 after a download")


def test_a_file_with_top_is_larger_than_its_base_where_no_size_is_published(tmp_path: Path):
    text = told(planned(tmp_path, ZERO_SHOT))
    assert "download: 1 weights file, about 5 MB" in text


def test_of_many_files_the_first_are_named_and_the_rest_counted(tmp_path: Path):
    text = told(planned(tmp_path, grid()))
    assert text.count(".h5") == 12
    assert f"and {len(BACKBONES) - 12} more; --json names all" in text


def test_a_file_that_keras_does_not_publish_is_noted_and_the_cell_is_ready(tmp_path: Path):
    put(tmp_path / "keras-home" / "models" / backbone("VGG16").weights.name, b"another file")
    text = told(planned(tmp_path, grid('["VGG16", "VGG19"]')))
    assert "VGG16     fast-extraction       20      other file [1]" in text
    assert f"[1] {backbone('VGG16').weights.name} is not the file that Keras publishes" in text
    assert text.endswith("\n6 cells: 3 ready, 3 after a download")


def test_another_reason_stands_whole(tmp_path: Path):
    text = told(
        [Planned(each.cell, each.recipe, each.phases, each.weights, "it is so") for each in planned(tmp_path)]
    )
    assert "[1] skipped: it is so\n" in text


# Widths


@pytest.mark.parametrize("name", ["published", "controls", "cats-dogs", "data-size", "smoke"])
@pytest.mark.parametrize("offline", [True, False])
def test_the_committed_matrices_fit_into_80_columns(name: str, offline: bool, tmp_path: Path):
    path = Path(__file__).parents[2] / "bench" / "matrices" / f"{name}.toml"
    plan = planned(tmp_path, path.read_text(encoding="utf-8"), offline=offline)
    home = str(tmp_path)  # a test's folder is longer than a user's
    lines = [line for line in told(plan, width=80).splitlines() if home not in line]
    assert max(map(len, lines)) <= 80


def test_in_a_pipe_a_cell_is_a_line(tmp_path: Path):
    path = Path(__file__).parents[2] / "bench" / "matrices" / "published.toml"
    plan = planned(tmp_path, path.read_text(encoding="utf-8"))
    assert len(rows(told(plan, width=None))) == 1 + len(plan)
    assert len(rows(told(plan, width=80))) > 1 + len(plan)


# Plain values


def test_facts_hold_axes_name_effective_recipe_phases_and_what_is_missing(tmp_path: Path):
    facts = plan_facts(planned(tmp_path, PRETRAINED))[2]
    assert facts["name"].startswith("MobileNet-0.25/imagenet/fine-tuning/blocks:1/default/32px")
    assert [phase["epochs"] for phase in facts["phases"]] == [20, 4]
    assert facts["effective_recipe"]["batch"] == 32
    assert (facts["skip"], facts["download"]) == (None, backbone("MobileNet-0.25").weights.name)


def test_facts_of_a_skipped_cell_have_the_reason_and_no_download(tmp_path: Path):
    facts = plan_facts(planned(tmp_path, PRETRAINED, offline=True))[0]
    assert backbone("MobileNet-0.25").weights.url in facts["skip"]
    assert facts["download"] is None
