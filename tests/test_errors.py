"""Messages for mistakes in the input."""

from harness.errors import UserError, few, unknown


def test_a_message_says_where_what_and_what_to_do():
    error = UserError("no such thing", where="file.toml:3", hint="Make one.")
    assert str(error) == "file.toml:3: no such thing\nMake one."


def test_a_message_without_place_or_hint_is_the_problem_alone():
    assert str(UserError("no such thing")) == "no such thing"


def test_an_unknown_name_lists_near_names_and_all_choices():
    error = unknown("backbone", "Xeption", ["VGG16", "Xception"], where="m.toml:2")
    assert (
        str(error) == "m.toml:2: unknown backbone 'Xeption'\nDid you mean Xception? Choices: VGG16, Xception."
    )


def test_case_does_not_hide_a_near_name():
    assert "Did you mean ResNet50?" in str(unknown("backbone", "RESNET50", ["ResNet50", "VGG16"]))


def test_a_pattern_in_another_case_is_answered_with_the_pattern():
    names = ["ResNet50", "ResNet50V2", "VGG16"]
    assert "Did you mean ResNet*? Choices: " in str(unknown("backbone", "resnet*", names))
    assert "Did you mean ResNet*V2? Choices: " in str(unknown("backbone", "resnet*V2", names))
    assert "*?" not in str(unknown("backbone", "DenseNet*", names))


def test_a_name_near_to_nothing_gets_no_guess():
    assert "Did you mean" not in str(unknown("backbone", "qqq", ["ResNet50", "VGG16"]))


def test_of_many_names_a_few_are_told_and_the_rest_counted():
    assert few("abcdefgh") == "a, b, c, d, e and 3 more"
    assert few("abcdef") == "a, b, c, d, e, f"
    assert few([]) == ""
