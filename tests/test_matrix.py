"""What a matrix file means, and how its mistakes are told."""

from pathlib import Path

import pytest
from fakes import matrix, matrix_file

from harness.backbones import BACKBONES
from harness.errors import UserError
from harness.matrix import Matrix
from harness.matrix_file import load_matrix

MATRICES = Path(__file__).parent.parent / "bench" / "matrices"

GRID = """\
name = "m"

[[grid]]
backbones = ["MobileNet"]
strategies = ["fast-extraction"]
"""
"""The least that a matrix needs; what a test appends stands in line 6."""


def problem(folder: Path, text: str) -> str:
    """The message for a matrix that is refused, the file without its folder."""
    with pytest.raises(UserError) as caught:
        matrix(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def names(loaded: Matrix) -> list[str]:
    return [cell.name for cell in loaded.cells()]


# What a matrix means


def test_axes_are_multiplied_out(tmp_path: Path):
    loaded = matrix(
        tmp_path, GRID + 'sizes = [160, 192]\nseeds = [0, 1, 2]\nweights = ["imagenet", "random"]'
    )
    assert len(names(loaded)) == 12


def test_depths_apply_only_to_strategies_that_take_one(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"fast-extraction", "fine-tuning"')
    cells = matrix(tmp_path, text + 'depths = ["blocks:1", "blocks:2"]').cells()
    assert [(cell.strategy, cell.depth) for cell in cells] == [
        ("fast-extraction", "none"),
        ("fine-tuning", "blocks:1"),
        ("fine-tuning", "blocks:2"),
    ]


def test_native_is_each_backbones_own_size(tmp_path: Path):
    cells = matrix(tmp_path, GRID.replace('"MobileNet"', '"MobileNet", "Xception"')).cells()
    assert [cell.size for cell in cells] == [224, 299]


def test_a_cell_named_twice_stands_once(tmp_path: Path):
    loaded = matrix(tmp_path, GRID + "sizes = [224, 'native']\n" + GRID.split("\n", 2)[2])
    assert len(names(loaded)) == 1


def test_a_cells_name_holds_every_axis(tmp_path: Path):
    assert names(matrix(tmp_path, GRID)) == [
        "MobileNet/imagenet/fast-extraction/none/default/224px/seed0/cpu/float32"
    ]


def test_cells_of_the_same_file_come_in_the_same_order(tmp_path: Path):
    text = GRID + "seeds = [2, 0, 1]"
    assert names(matrix(tmp_path, text)) == names(matrix(tmp_path, text))
    assert [cell.seed for cell in matrix(tmp_path, text).cells()] == [2, 0, 1]


def test_a_recipe_is_derived_from_another(tmp_path: Path):
    text = GRID + 'recipes = ["long"]\n[recipe.long]\nbase = "smoke"\nfine_tuning = { epochs = 40 }\n'
    long = matrix(tmp_path, text).recipes["long"]
    assert long.fine_tuning.epochs == 40
    assert long.fine_tuning.learning_rate == matrix(tmp_path, text).recipes["smoke"].fine_tuning.learning_rate
    assert long.fast_extraction.epochs == 15


def test_a_derived_recipe_has_the_name_of_its_table(tmp_path: Path):
    recipe = matrix(tmp_path, GRID + "[recipe.long]\nbatch = 8").recipes["long"]
    assert (recipe.name, recipe.summary) == ("long", "default, batch 8")


@pytest.mark.parametrize("path", sorted(MATRICES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_matrix_of_the_repository_is_valid_and_named_after_its_file(path: Path):
    loaded = load_matrix(path)
    assert loaded.name == path.stem
    assert loaded.cells() or loaded.timing_cells()


# What is refused, and how


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"MobileNet"', '"MobilNet"'), "matrix.toml:4: unknown backbone 'MobilNet'\nDid you mean MobileNet"),
        (
            ('"fast-extraction"', '"fast-extract"'),
            "matrix.toml:5: unknown strategy 'fast-extract'\nDid you mean fast-extraction",
        ),
        (
            ("[[grid]]", "[[gird]]"),
            "matrix.toml:3: unknown key 'gird'\nDid you mean grid? Choices: name, data, grid",
        ),
        (("backbones", "backbone"), "matrix.toml:4: unknown key 'backbone'\nDid you mean backbones?"),
        (('["MobileNet"]', '"MobileNet"'), "matrix.toml:4: grid.backbones: input should be a valid list"),
        (('["MobileNet"]', "[]"), "matrix.toml:4: grid.backbones: list should have at least 1 item"),
        (('"m"', '"My Matrix"'), "matrix.toml:1: name: string should match pattern"),
        (('name = "m"', ""), "matrix.toml: name: field required"),
        (('name = "m"', "recipe = 3"), "matrix.toml:1: recipe: expected tables of recipes"),
        (('name = "m"', "recipes = {}"), "matrix.toml:1: unknown key 'recipes'\nDid you mean recipe?"),
        (
            ("[[grid]]", "[grid]"),
            "matrix.toml:3: grid: expected tables, got one table in single brackets\nWrite [[",
        ),
        (("[[grid]]", "[timing]"), "matrix.toml:3: timing: expected tables, got one table in single"),
        (("[[grid]]", "[[grid"), "matrix.toml: not valid TOML: "),
        (('["MobileNet"]', '[""]'), "matrix.toml: unknown backbone ''"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(tmp_path: Path, change: tuple[str, str], message: str):
    assert problem(tmp_path, GRID.replace(*change)).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            'depths = ["block:1"]',
            "unknown depth 'block:1'\nDid you mean blocks:N? Choices: all, blocks:N, layers:N, fraction:F",
        ),
        ('depths = ["blocks:15"]', "'blocks:15' is deeper than MobileNet, which has 14 blocks\nUse 'all'"),
        (
            'recipes = ["defualt"]',
            "unknown recipe 'defualt'\nDid you mean default? Choices: default, smoke, ",
        ),
        (
            'weights = ["imagnet"]',
            "unknown value of 'weights': 'imagnet'\nDid you mean imagenet? Choices: imagenet,",
        ),
        (
            'devices = ["tpu"]',
            "unknown value of 'devices': 'tpu'\nDid you mean gpu or cpu? Choices: cpu, gpu.",
        ),
        ("sizes = [31]", "MobileNet needs images of at least 32 px, got 31\nIts native size is 224 px."),
        ("sizes = [0]", "MobileNet needs images of at least 32 px, got 0"),
        ('sizes = ["nativ"]', "grid.sizes: input should be a valid integer"),
        ("seeds = [-1]", "grid.seeds: input should be greater than or equal to 0, got -1"),
        ("minutes = 3", "unknown key 'minutes'\n"),
        (
            "train_images = [1]",
            "grid.train_images: input should be greater than or equal to 2; or input should be 'all', got 1",
        ),
        ("train_images = []", "grid.train_images: list should have at least 1 item"),
        ('weights = ["smoke-base"]', "the small base of this project is a MobileNet-0.25, not a MobileNet\n"),
        ('[recipe]\nlong = "default"', None),
    ],
)
def test_a_mistake_in_a_grid_is_told_with_its_line(tmp_path: Path, line: str, message: str | None):
    expected = message or "recipe: expected tables of recipes"
    assert problem(tmp_path, f"{GRID}{line}\n").startswith(f"matrix.toml:6: {expected}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('base = "defalt"', "matrix.toml:7: unknown recipe 'defalt'\nDid you mean default?"),
        ("base = 3", "matrix.toml:7: unknown recipe '3'"),
        ('base = ["default"]', "matrix.toml: unknown recipe"),
        ("batsh = 8", "matrix.toml:7: unknown key 'batsh'\nDid you mean batch or base?"),
        ('name = "other"', "matrix.toml:6: unknown key 'name'"),
        (
            'head = "gap-liner"',
            "matrix.toml:7: unknown value of 'head': 'gap-liner'\nDid you mean gap-linear",
        ),
        (
            "fine_tuning = { epochs = 0 }",
            "matrix.toml:7: fine_tuning.epochs: input should be greater than or equal",
        ),
        (
            "augmentation = { rotatoin = 3 }",
            "matrix.toml:7: unknown key 'rotatoin'\nDid you mean rotation? Choices: r",
        ),
        (
            "augmentation = { zoom = nan }",
            "matrix.toml:7: augmentation.zoom: input should be less than 1, got nan",
        ),
        ("augmentation = 3", "matrix.toml:7: augmentation: "),
        (
            "fine_tuning = { epochs = 20, warm_up_epochs = 30 }",
            "matrix.toml:7: fine_tuning: a warm-up of 30 epochs never ends in 20\n",
        ),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_line(tmp_path: Path, line: str, message: str):
    assert problem(tmp_path, f"{GRID}[recipe.long]\n{line}\n").startswith(message)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('{ source = "foldr" }', "matrix.toml:2: unknown value of 'source': 'foldr'\nDid you mean folder?"),
        ('{ sauce = "folder" }', "matrix.toml:2: unknown key 'sauce'\nDid you mean source?"),
        ("{ train = 1 }", "matrix.toml:2: data.train: input should be greater than or equal to 2, got 1"),
        ("3", "matrix.toml:2: data: "),
    ],
)
def test_a_mistake_in_the_data_is_told_with_its_line(tmp_path: Path, table: str, message: str):
    text = GRID.replace("\n\n", f"\ndata = {table}\n\n", 1)
    assert problem(tmp_path, text).startswith(message)


def test_a_word_in_a_comment_is_not_taken_for_its_place(tmp_path: Path):
    text = GRID.replace("\n\n", "\n# not a MobilNet\n\n", 1).replace('"MobileNet"', '"MobilNet"')
    assert problem(tmp_path, text).startswith("matrix.toml:5: ")


def test_a_word_is_looked_for_in_the_table_that_it_is_wrong_in(tmp_path: Path):
    """Line 2 has the same word rightly."""
    before = "[recipe.a]\nbatch = 8\nfine_tuning = { epochs = 3 }\n"
    text = GRID.replace("\n", f"\n{before}", 1)
    found = problem(tmp_path, text.replace("fast-extraction", "fine_tuning"))
    assert found.startswith("matrix.toml:8: unknown strategy 'fine_tuning'")
    assert problem(tmp_path, f"{text}[recipe.b]\nbatch = 0\n").startswith("matrix.toml:10: batch: ")


@pytest.mark.parametrize("depth", ["fraction:1.5", "fraction:30%", "blocks:0", "layers:0", "blocks:2.5"])
def test_a_depth_out_of_its_range_is_answered_with_the_ranges(depth: str, tmp_path: Path):
    found = problem(tmp_path, GRID + f'depths = ["{depth}"]')
    assert found.startswith(f"matrix.toml:6: unknown depth {depth!r}\n")
    assert "N is 1 or more; F is a share of the parameters above 0 and at most 1, 0.3 for 30 %." in found
    assert "none" not in found


def test_a_strategy_that_takes_a_depth_needs_one(tmp_path: Path):
    text = GRID.replace("fast-extraction", "fine-tuning")
    assert problem(tmp_path, text).startswith(
        "matrix.toml:5: strategy 'fine-tuning' needs depths\nAdd for example"
    )


@pytest.mark.parametrize(
    ("name", "minimum"), [("Xception", 71), ("MobileNet", 32), ("VGG16", 32), ("DenseNet121", 32)]
)
def test_the_minimum_size_of_a_backbone_is_allowed_and_one_less_is_not(
    tmp_path: Path, name: str, minimum: int
):
    text = GRID.replace('"MobileNet"', f'"{name}"')
    assert matrix(tmp_path, f"{text}sizes = [{minimum}]").cells()[0].size == minimum
    assert f"at least {minimum} px, got {minimum - 1}" in problem(tmp_path, f"{text}sizes = [{minimum - 1}]")


def test_a_missing_file_names_the_matrices_beside_it(tmp_path: Path):
    matrix_file(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(UserError, match=r"no matrix file .*\nMatrices there: matrix.toml\."):
        load_matrix(tmp_path / "matrx.toml")


def test_a_file_missing_in_a_clone_is_answered_with_the_matrices_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    matrix_file(tmp_path / "bench" / "matrices")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no matrix file .*\nMatrices in bench/matrices: matrix.toml\."):
        load_matrix(Path("matrx.toml"))


def test_a_folder_is_no_matrix_and_those_in_it_are_named(tmp_path: Path):
    matrix_file(tmp_path)
    with pytest.raises(UserError, match=r"expected a matrix file \(TOML\), found a folder") as caught:
        load_matrix(tmp_path)
    assert caught.value.hint == "Matrices in it: matrix.toml."


def test_a_path_below_a_file_is_no_matrix(tmp_path: Path):
    matrix_file(tmp_path)
    name = "matrix.toml/more.toml"
    with pytest.raises(UserError, match="no matrix file"):
        load_matrix(tmp_path / name)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    (tmp_path / "matrix.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"matrix\.toml: not UTF-8 text"):
        load_matrix(tmp_path / "matrix.toml")


# Axes where they mean something


def test_backbones_may_be_named_by_pattern_and_group(tmp_path: Path):
    cells = matrix(tmp_path, GRID.replace('"MobileNet"', '"VGG*", "required"')).cells()
    assert [cell.backbone for cell in cells][:3] == ["VGG16", "VGG19", "Xception"]
    assert len(cells) == 17


def test_the_group_of_keras_table_holds_every_backbone_with_a_published_row(tmp_path: Path):
    cells = matrix(tmp_path, GRID.replace('"MobileNet"', '"table"')).cells()
    assert [cell.backbone for cell in cells] == [name for name, row in BACKBONES.items() if row.published]
    assert len(cells) == 38


def test_a_pattern_that_means_nothing_is_told_with_its_line(tmp_path: Path):
    found = problem(tmp_path, GRID.replace('"MobileNet"', '"Resnet*"'))
    assert found.startswith("matrix.toml:4: unknown backbone 'Resnet*'")


def test_a_member_of_a_group_that_is_too_small_is_named(tmp_path: Path):
    found = problem(tmp_path, GRID.replace('"MobileNet"', '"all"') + "sizes = [64]")
    assert found.startswith("matrix.toml:6: Xception needs images of at least 71 px, got 64")


def test_a_learning_rate_is_an_axis_of_the_strategies_that_have_one(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"fast-extraction", "linear-probe"')
    cells = matrix(tmp_path, text + "learning_rates = [1e-3, 1e-4]").cells()
    assert [(cell.strategy, cell.learning_rate) for cell in cells] == [
        ("fast-extraction", 1e-3),
        ("fast-extraction", 1e-4),
        ("linear-probe", None),
    ]
    assert cells[1].name == "MobileNet/imagenet/fast-extraction/none/default/lr0.0001/224px/seed0/cpu/float32"
    assert cells[1].label == "fast-extraction lr 0.0001"


def test_rates_for_strategies_that_have_none_are_refused(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"linear-probe"') + "learning_rates = [1e-3]"
    assert problem(tmp_path, text).startswith("matrix.toml:6: learning_rates means nothing for linear-probe")


def test_a_strategy_that_no_seed_changes_has_one_cell(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"fast-extraction", "linear-probe"')
    cells = matrix(tmp_path, text + "seeds = [3, 4]").cells()
    assert [(cell.strategy, cell.seed) for cell in cells] == [
        ("fast-extraction", 3),
        ("fast-extraction", 4),
        ("linear-probe", 3),
    ]


def test_on_random_weights_the_seed_changes_a_linear_probe_too(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"linear-probe"')
    cells = matrix(tmp_path, text + 'seeds = [3, 4]\nweights = ["random"]').cells()
    assert [cell.seed for cell in cells] == [3, 4]


def test_the_number_of_training_images_is_an_axis_and_all_of_them_are_no_part_of_a_name(tmp_path: Path):
    loaded = matrix(tmp_path, GRID + 'train_images = [50, 2000, "all"]')
    assert [cell.train_images for cell in loaded.cells()] == [50, 2000, None]
    assert names(loaded) == [
        "MobileNet/imagenet/fast-extraction/none/default/train50/224px/seed0/cpu/float32",
        "MobileNet/imagenet/fast-extraction/none/default/train2000/224px/seed0/cpu/float32",
        *names(matrix(tmp_path, GRID)),
    ]


def test_a_part_of_the_images_is_drawn_from_the_seed_so_a_linear_probe_has_every_seed(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"linear-probe"')
    cells = matrix(tmp_path, text + 'seeds = [3, 4]\ntrain_images = [50, "all"]').cells()
    assert [(cell.train_images, cell.seed) for cell in cells] == [(50, 3), (50, 4), (None, 3)]


def test_what_trains_nothing_has_no_part_of_the_images(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"zero-shot", "fast-extraction"') + "train_images = [50, 60]"
    cells = matrix(tmp_path, text).cells()
    assert [(cell.strategy, cell.train_images) for cell in cells] == [
        ("zero-shot", None),
        ("fast-extraction", 50),
        ("fast-extraction", 60),
    ]
    alone = problem(tmp_path, text.replace(', "fast-extraction"', ""))
    assert alone.startswith("matrix.toml:6: train_images means nothing for zero-shot")


def test_from_scratch_and_zero_shot_bring_their_own_weights(tmp_path: Path):
    text = GRID.replace('"fast-extraction"', '"from-scratch", "zero-shot"')
    cells = matrix(tmp_path, text + 'weights = ["imagenet", "random"]\nsizes = [64]').cells()
    assert [(cell.weights, cell.size) for cell in cells] == [("scratch", 64), ("imagenet-top", 224)]


def test_dividing_by_255_is_refused_where_preprocessing_is_built_in(tmp_path: Path):
    text = GRID.replace('"MobileNet"', '"EfficientNetB0"') + 'recipes = ["dog-cat-exercise-01"]'
    found = problem(tmp_path, text)
    assert found.startswith("matrix.toml:6: recipe 'dog-cat-exercise-01' divides by 255, and so does")


def test_a_recipe_may_not_drop_every_block(tmp_path: Path):
    text = GRID.replace('"MobileNet"', '"VGG16"') + 'recipes = ["low"]\n[recipe.low]\ndrop_blocks = 5\n'
    assert "drops 5 blocks of VGG16, which has 5" in problem(tmp_path, text)


def test_a_depth_counts_the_blocks_that_are_left(tmp_path: Path):
    text = GRID.replace('"MobileNet"', '"VGG16"').replace("fast-extraction", "fine-tuning")
    text += 'depths = ["blocks:4"]\nrecipes = ["low"]\n[recipe.low]\ndrop_blocks = 2\n'
    assert "'blocks:4' is deeper than VGG16, which has 3 blocks" in problem(tmp_path, text)


def test_a_recipe_that_drops_blocks_is_named_where_a_depth_needs_them(tmp_path: Path):
    text = GRID.replace("fast-extraction", "fine-tuning")
    text += 'depths = ["{}"]\nrecipes = ["default", "low"]\n[recipe.low]\ndrop_blocks = 2\n'
    assert problem(tmp_path, text.format("blocks:13")).startswith(
        "matrix.toml:6: 'blocks:13' is deeper than MobileNet, which has 12 blocks after recipe 'low' drops 2"
    )
    assert problem(tmp_path, text.format("from:conv_pw_13")).startswith(
        "matrix.toml:6: 'from:conv_pw_13': MobileNet has no such layer after recipe 'low' drops 2 blocks"
    )
    assert matrix(tmp_path, text.format("from:conv_pw_11")).cells()
