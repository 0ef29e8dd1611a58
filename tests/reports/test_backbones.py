"""The table of backbones, and which weights files are here."""

from pathlib import Path

import pytest
from fakes import put

from harness.backbones import BACKBONES, backbone
from harness.reports.backbones import backbone_facts, render_backbones

pytestmark = pytest.mark.usefixtures("empty_keras_home")


def told(*names: str, folder: Path | None = None) -> str:
    return render_backbones([backbone_facts(backbone(name), folder) for name in names])


def line(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(name)).split()


def test_a_row_tells_sizes_blocks_preprocessing_and_published_figures():
    assert line(told("VGG16"), "VGG16") == [
        "VGG16",
        "14.7",
        "224",
        "32",
        "5",
        "caffe",
        "71.3",
        "69.5",
        "4.2",
        "-",
    ]


def test_a_figure_that_is_not_published_is_a_dash():
    assert line(told("ConvNeXtTiny"), "ConvNeXtTiny")[-4:] == ["81.3", "-", "-", "-"]
    assert line(told("MobileNet-0.5"), "MobileNet-0.5")[-4:] == ["-", "-", "-", "-"]


def test_a_weights_file_that_is_here_says_where(tmp_path: Path):
    put(tmp_path / "shelf" / backbone("VGG16").weights.name, b"weights")
    put(tmp_path / "keras-home" / "models" / backbone("VGG19").weights.name, b"weights")
    text = told("VGG16", "VGG19", "Xception", folder=tmp_path / "shelf")
    assert [line(text, name)[9:] for name in ("VGG16", "VGG19", "Xception")] == [
        ["weights", "folder"],
        ["Keras", "cache"],
        ["-"],
    ]
    assert "weights without top on this machine: VGG16, VGG19." in text


def test_every_backbone_fits_into_80_columns_and_what_goes_for_it_is_told(tmp_path: Path):
    put(tmp_path / backbone("VGG16").weights.name, b"weights")
    facts = [backbone_facts(row, tmp_path) for row in BACKBONES.values()]
    text = render_backbones(facts, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert line(text, "VGG16")[6:] == ["71.3", "weights", "folder"]
    assert "Too narrow here for the published times" in text
    assert "Too narrow" not in render_backbones(facts, width=120)


def test_published_times_are_called_an_ordering():
    assert "an ordering and nothing more" in told("VGG16")


def test_only_the_preprocessing_of_these_rows_is_explained():
    assert "torch" not in told("VGG16", "Xception")
    assert "torch: 0 to 1" in " ".join(told("DenseNet121").split())


def test_the_whole_table_fits_into_100_columns(tmp_path: Path):
    for row in BACKBONES.values():
        put(tmp_path / row.weights.name, b"weights")
    assert max(map(len, told(*BACKBONES, folder=tmp_path).splitlines())) <= 100


def test_facts_tell_both_weights_files_apart(tmp_path: Path):
    row = backbone("VGG16")
    put(tmp_path / row.top_weights.name, b"weights")
    facts = backbone_facts(row, tmp_path)
    assert facts["weights"] == {"file": row.weights.name, "url": row.weights.url, "found": None}
    assert facts["weights_with_top"]["found"] == "weights folder"
