"""The commands that use a trained model: `export`, `predict` and `explain`; nothing is decided here either.

They import TensorFlow into this process, once everything that can be wrong without it has been
looked at.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from harness.cli_common import (
    NOTHING_WRITTEN,
    CacheOption,
    RunArgument,
    cache_folder,
    interruptible,
    stop,
)
from harness.errors import EXIT_INCOMPLETE, UserError

__all__ = ["commands"]

commands = typer.Typer()

CellArgument = Annotated[
    str,
    typer.Argument(
        metavar="CELL",
        help="A cell's name, a part of it or a pattern that means no other, or 'best': the "
        "leaderboard's first row.",
    ),
]


@commands.command(epilog="Example: transferbench export results/runs/cats-dogs best --out model.keras")
def export(
    run_folder: RunArgument,
    cell: CellArgument,
    out: Annotated[Path, typer.Option("--out", help="The file to write; its name ends in .keras.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="TRANSFERBENCH_DATA",
            help="The folder of images, where it is no longer where the run read it; to verify the model.",
        ),
    ] = None,
    cache: CacheOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Save the model of a cell as one Keras file that takes raw images of any size.

    The run must have been made with --save-models. Before the file is handed out, the model predicts
    the run's test images again, and must give what was recorded.
    """
    from harness.export.export import export_model
    from harness.reports.exported import render_exported
    from harness.running.folder import RunFolder

    with interruptible(NOTHING_WRITTEN):
        exported = export_model(
            RunFolder(run_folder), cell, out, data=data, cache=cache_folder(cache), force=force, bar=_bar
        )
    typer.echo(render_exported(exported))


@commands.command(epilog="Example: transferbench predict model.keras photo.jpg holiday --csv")
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `export` wrote.")],
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Images, and folders of images (all below them).")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of text.")] = False,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Images that are predicted at once.")] = 32,
) -> None:
    """Tell the class of images, and how probable it is, by an exported model.

    Files that cannot be read are named on standard error, and the exit code is 1 then.
    """
    from harness.export.loading import load_model
    from harness.export.model_file import read_facts
    from harness.export.prediction import find_images, predict_images
    from harness.reports.predictions import (
        predictions_csv,
        predictions_json,
        predictions_text,
        unreadable_text,
    )

    if as_json and as_csv:
        raise UserError("--json and --csv were both given", hint="Leave one of them out.")
    facts = read_facts(model)
    found = find_images(paths)
    with interruptible(NOTHING_WRITTEN):
        loaded = load_model(model)
        with _bar("predicting") as progress:
            predicted = predict_images(loaded, facts, found, batch, progress)
    if as_json:
        text = predictions_json(predicted.predictions)
    elif as_csv:
        text = predictions_csv(predicted.predictions, facts.classes)
    else:
        text = predictions_text(predicted.predictions)
    typer.echo(text, nl=False)
    if predicted.unreadable:
        files = len(predicted.predictions) + len(predicted.unreadable)
        stop(unreadable_text(predicted.unreadable, files), EXIT_INCOMPLETE)


@commands.command(epilog="Example: transferbench explain results/runs/cats-dogs best --most 12")
def explain(
    run_folder: RunArgument,
    cell: CellArgument,
    most: Annotated[
        int, typer.Option("--most", min=1, max=200, help="How many images, the most confident first.")
    ] = 24,
    images: Annotated[
        list[str] | None,
        typer.Option("--images", metavar="ID", help="Test images by id instead; may be repeated."),
    ] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Images that were predicted right, instead of wrong.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            envvar="TRANSFERBENCH_DATA",
            help="The folder of images, where it is no longer where the run read it.",
        ),
    ] = None,
    cache: CacheOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write; explain/CELL in the run's by default.")
    ] = None,
) -> None:
    """Draw where a cell looks in the test images that it gets wrong: Grad-CAM heat maps.

    The run must have been made with --save-models. Beside each image stand the places that speak for the
    predicted class and those that speak for the true one. The model predicts these images again first,
    and must give what was recorded. The pictures show your images: they stay in the run's folder.
    """
    from harness.explain.explain import Question
    from harness.explain.explain import explain as make_maps
    from harness.explain.place import SHEET, require_place, write_explained
    from harness.export.choice import choose_record
    from harness.reports.heat_maps import render_explained
    from harness.running.folder import RunFolder

    if images and correct:
        raise UserError("--images and --correct were both given", hint="Leave one of them out.")
    folder = RunFolder(run_folder)
    place = out or folder.explained(choose_record(folder, cell).file_stem)
    require_place(place)
    question = Question(
        folder, cell, data, cache_folder(cache), most=most, correct=correct, ids=tuple(images or ())
    )
    with interruptible(NOTHING_WRITTEN):
        with _bar("looking at the images") as progress:
            explained = make_maps(question, progress)
        write_explained(explained, place)
    typer.echo(f"{render_explained(explained, place)}\n\n{place / SHEET}")


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error if that is a terminal; yields the function to tell (done, all) with."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
