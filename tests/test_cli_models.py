"""`run --save-models`, `export`, `predict` and `explain` as they are typed; the model is a stand-in."""

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import answers, encoded, finished_run, matrix_file, model_facts, put, row
from PIL import Image

from harness.export import loading
from harness.export.model_file import FACTS_NAME

pytestmark = pytest.mark.usefixtures("alone")


class Certain:
    def predict_on_batch(self, images):
        return np.tile(np.float32([[0.25, 0.75]]), (len(images), 1))


class Interrupted:
    def predict_on_batch(self, _):
        raise KeyboardInterrupt


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loading, "load_model", lambda path: Certain())
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(FACTS_NAME, model_facts().model_dump_json())
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return put(tmp_path / "photos" / "a.png", encoded(Image.new("RGB", (30, 20)), "PNG"))


@pytest.mark.parametrize("name", ["export", "predict", "explain"])
def test_the_help_has_an_example(name: str, command):
    assert f"Example: transferbench {name} " in command(name, "--help").out


def test_run_keeps_models_and_says_so_in_the_command_of_the_leaderboard(tmp_path: Path, command, executor):
    ended = command("run", matrix_file(tmp_path), "--out", "run", "--offline", "--save-models")
    assert ended.code == 0
    assert all(job.keep is not None for job in executor.jobs)
    assert "--offline --save-models`" in Path("run/leaderboard.md").read_text()


@pytest.mark.usefixtures("executor")
def test_run_tells_which_finished_cells_are_run_again_for_their_models(tmp_path: Path, command):
    words = ["run", matrix_file(tmp_path), "--out", "run", "--offline"]
    command(*words)
    out = command(*words, "--save-models").out
    assert "4 more had finished without their model being saved; they are run again" in out


def test_export_without_a_saved_model_says_what_to_do(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    ended = command("export", "run", "best", "--out", "model.keras")
    assert ended.code == 2
    assert ended.err.endswith("transferbench run tiny.toml --save-models\n")
    assert not Path("model.keras").exists()


def test_predict_prints_a_line_an_image(model: Path, photo: Path, command):
    ended = command("predict", model, photo)
    assert (ended.code, ended.out, ended.err) == (0, f"{photo}  dogs  0.7500\n", "")


def test_predict_as_json_and_as_csv(model: Path, photo: Path, command):
    (answer,) = json.loads(command("predict", model, photo.parent, "--json").out)
    assert (answer["class"], answer["probabilities"]) == ("dogs", {"cats": 0.25, "dogs": 0.75})
    rows = list(csv.DictReader(io.StringIO(command("predict", model, photo.parent, "--csv").out)))
    assert (rows[0]["path"], rows[0]["probability of cats"]) == (str(photo), "0.25")


def test_predict_names_what_it_could_not_read_and_exits_with_1(model: Path, photo: Path, command):
    put(photo.parent / "notes.txt", b"text")
    ended = command("predict", model, photo.parent)
    assert (ended.code, ended.out) == (1, f"{photo}  dogs  0.7500\n")
    assert ended.err == (
        "transferbench: 1 of 2 files could not be read:\n"
        f"  {photo.parent}/notes.txt: not an image in a known format\n"
    )


def test_predict_takes_one_format_at_a_time(model: Path, photo: Path, command):
    assert command("predict", model, photo, "--json", "--csv").code == 2


@pytest.mark.usefixtures("model", "photo")
@pytest.mark.parametrize("words", [["no.keras", "photos"], ["model.keras", "nothing.png"]])
def test_a_mistake_is_told_before_tensorflow_is_loaded(
    words: list[str], command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loading, "load_model", lambda path: pytest.fail("was loaded"))
    ended = command("predict", *words)
    assert ended.code == 2
    assert "no such file" in ended.err


def test_an_interruption_exits_with_130(model: Path, photo: Path, command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loading, "load_model", lambda path: Interrupted())
    ended = command("predict", model, photo)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "transferbench: interrupted; nothing was written\n"


def test_a_file_that_keras_cannot_load_is_a_message(photo: Path, tmp_path: Path, command):
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        archive.writestr(FACTS_NAME, model_facts().model_dump_json())
    ended = command("predict", "bad.keras", photo)
    assert ended.code == 2
    assert "cannot load this model" in ended.err


def test_explain_without_a_saved_model_says_what_to_do(tmp_path: Path, command):
    finished_run(tmp_path / "run", [row(answers(90))])
    ended = command("explain", "run", "best")
    assert ended.code == 2
    assert ended.err.endswith("transferbench run tiny.toml --save-models\n")
    assert not Path("run/explain").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "unknown cell 'nonsense'"),
        (["best", "--images", "id1", "--correct"], "--images and --correct were both given"),
        (["best", "--out", "results/records/x"], "results/records is committed"),
    ],
)
def test_explain_tells_a_mistake_before_it_looks_at_anything(
    tmp_path: Path, words: list[str], said: str, command, monkeypatch: pytest.MonkeyPatch
):
    finished_run(tmp_path / "run", [row(answers(90))])
    monkeypatch.setattr(loading, "load_model", lambda path: pytest.fail("was loaded"))
    ended = command("explain", "run", *words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
