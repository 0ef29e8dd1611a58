"""Short names tell all configurations apart and say no more than that needs."""

from fakes import record
from fakes_standings import result, shown, steps

from harness.records import DeviceState
from harness.reports.plots.names import anywhere, batches, group_titles, names, unwatched_note, wrapped


def test_a_name_is_backbone_and_strategy_where_that_suffices():
    cells = [record(backbone="VGG16", size=150).cell, record(strategy="fine-tuning", depth="all").cell]
    assert names(cells) == [("VGG16", "fast-extraction"), ("MobileNet-0.25", "fine-tuning all")]


def test_what_else_differs_is_named_where_backbone_and_strategy_are_equal():
    cells = [record(size=150).cell, record(size=160).cell, record(backbone="VGG16", size=160).cell]
    assert [rest for _, rest in names(cells)] == [
        "fast-extraction, 150px",
        "fast-extraction, 160px",
        "fast-extraction",
    ]


def test_parts_of_the_training_images_are_told_in_words():
    cells = [record(train_images=1000).cell, record(train_images=50).cell, record().cell]
    assert [rest for _, rest in names(cells)] == [
        "fast-extraction, 1,000 training images",
        "fast-extraction, 50 training images",
        "fast-extraction",
    ]


def test_a_recipe_that_is_called_like_a_part_keeps_its_name():
    cells = [record(recipe="train50").cell, record(recipe="default").cell]
    assert [rest for _, rest in names(cells)] == ["fast-extraction, train50", "fast-extraction, default"]


def test_a_long_name_is_broken_behind_a_comma_in_a_label():
    rows = [shown(result(train_images=images)) for images in (1000, 50)]
    assert wrapped(rows, [1]) == ["MobileNet-0.25\nfast-extraction,\n50 training images"]


def test_seeds_devices_and_precisions_are_one_configuration_anywhere():
    cells = [record(), record(seed=1), record(device="gpu"), record(precision="mixed_float16")]
    assert len({anywhere(each.cell) for each in cells}) == 1
    assert anywhere(record(size=150).cell) != anywhere(record().cell)


def test_letters_that_the_font_lacks_are_told_by_number():
    cell = record(strategy="fine-tuning", depth="from:é_猫").cell
    assert names([cell]) == [("MobileNet-0.25", "fine-tuning from:é_<U+732B>")]


def test_a_group_is_named_by_its_machine_where_there_are_several():
    here = record()
    other = here.environment.model_copy(update={"cores": 64})
    there = record(environment=other, device="gpu")
    assert group_titles([here]) == ["cpu, float32"]
    assert group_titles([here, there]) == [
        f"cpu, float32, environment {here.environment.fingerprint}",
        f"gpu, float32, environment {other.fingerprint}",
    ]


def test_steps_of_different_batches_are_said_not_to_compare():
    small, large = result(inference=steps(5, batch=20)), result(inference=steps(5))
    assert batches([large], "inference_ms") == "A step is a batch of 32 images."
    assert "20, 32 images" in batches([small, large], "inference_ms")


def test_rows_whose_times_nobody_watched_are_counted():
    watched = steps(20, state=DeviceState(others_share=0.0))
    known, unknown = shown(result(train=watched, inference=watched)), shown(result(train=watched))
    assert unwatched_note([known]) == []
    assert "not recorded for these rows:" in unwatched_note([unknown])[0]
    assert "not recorded for 1 of 2 rows:" in unwatched_note([known, unknown])[0]
