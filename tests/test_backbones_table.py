"""The table of backbones as data; each row is checked against Keras itself in tests/training."""

import csv
import os
import re
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlparse

import pytest

from harness.backbones import BACKBONES, GROUPS, Backbone, backbone, select
from harness.errors import UserError

rows = pytest.mark.parametrize("row", BACKBONES.values(), ids=BACKBONES)


def test_the_backbones_of_the_first_issue_are_there():
    assert {
        "MobileNet",
        "MobileNet-0.25",
        "MobileNetV2",
        "Xception",
        "VGG16",
        "VGG19",
        "ResNet50",
        "DenseNet121",
    } <= set(BACKBONES)


def test_names_differ_in_more_than_case():
    assert len({name.casefold() for name in BACKBONES}) == len(BACKBONES)


def test_weights_files_differ():
    assert len({row.weights.name for row in BACKBONES.values()}) == len(BACKBONES)


@rows
def test_a_row_is_found_under_its_own_name(row: Backbone):
    assert backbone(row.name) is row


@rows
def test_the_native_size_is_allowed(row: Backbone):
    assert row.native_size >= row.minimum_size


@rows
def test_the_weights_have_no_top_and_come_over_https_from_the_known_host(row: Backbone):
    url = urlparse(row.weights.url)
    assert (url.scheme, url.netloc) == ("https", "storage.googleapis.com")
    assert re.search(r"/keras-applications/(\w+/)?[\w.-]+no[_-]?top(_v2)?\.h5$", url.path)
    assert "top" not in row.top_weights.url


@rows
def test_a_published_hash_is_an_md5_or_a_sha256(row: Backbone):
    for file in (row.weights, row.top_weights):
        digits = {"md5": 32, "sha256": 64}[file.algorithm]
        assert file.hash is None or re.fullmatch(rf"[0-9a-f]{{{digits}}}", file.hash)


@rows
def test_block_patterns_are_regular_expressions_that_differ(row: Backbone):
    assert len({re.compile(pattern) for pattern in row.blocks}) == len(row.blocks) > 1


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("VGG16", "caffe"),
        ("VGG19", "caffe"),
        ("ResNet50", "caffe"),
        ("DenseNet121", "torch"),
        ("Xception", "tf"),
        ("MobileNet", "tf"),
        ("MobileNet-0.25", "tf"),
        ("MobileNetV2", "tf"),
    ],
)
def test_each_backbone_has_its_own_preprocessing(name: str, mode: str):
    assert backbone(name).preprocessing == mode


def test_block_1_is_not_taken_for_block_10():
    first = re.compile(backbone("MobileNet").blocks[1])
    assert first.match("conv_pw_1")
    assert first.match("conv_pw_1_bn")
    assert not first.match("conv_pw_10")
    assert not re.match(backbone("Xception").blocks[0], "block13_sepconv1")


def test_every_row_of_the_published_table_is_there():
    assert len([row for row in BACKBONES.values() if row.published]) == 38
    assert len(GROUPS["required"]) == 17
    assert set(GROUPS["required"]) < set(BACKBONES)


PUBLISHED = "TRANSFERBENCH_REFERENCE"


@pytest.mark.skipif(PUBLISHED not in os.environ, reason=f"{PUBLISHED} names no folder of published tables")
def test_the_published_columns_are_those_of_the_table():
    with (Path(os.environ[PUBLISHED]) / "keras_applications_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["backbone"] for row in rows if row["required"] == "yes"} == set(GROUPS["required"])
    for row in rows:
        published = asdict(BACKBONES[row["backbone"]].published)
        assert published == {name: float(row[name]) if row[name] else None for name in published}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["VGG16"], ("VGG16",)),
        (["VGG*"], ("VGG16", "VGG19")),
        (["ResNet50*", "VGG16", "ResNet50"], ("ResNet50", "ResNet50V2", "VGG16")),
        (["required"], GROUPS["required"]),
        (["all"], tuple(BACKBONES)),
    ],
)
def test_names_patterns_and_groups_select_backbones_each_once(words: list[str], names: tuple[str, ...]):
    assert select(words) == names


def test_a_pattern_that_means_nothing_is_refused_with_its_place():
    with pytest.raises(UserError) as caught:
        select(["ResNets*"], where=lambda word: f"m.toml has {word}")
    assert str(caught.value).startswith("m.toml has ResNets*: unknown backbone 'ResNets*'")
    assert "Choices: required, table, all, Xception" in caught.value.hint


def test_an_unknown_backbone_is_refused_with_near_names():
    with pytest.raises(UserError) as caught:
        backbone("mobilenet_v2", where="m.toml:2")
    assert str(caught.value).startswith("m.toml:2: unknown backbone 'mobilenet_v2'\nDid you mean MobileNetV2")
