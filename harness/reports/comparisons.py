"""The comparisons of a run: what its rows say beside each other, a section for each question.

A section is one function from the standings to markdown, "" where the run has nothing to say to it.  To add
one, add it to `SECTIONS` with its title.
"""

from collections.abc import Callable, Sequence

from harness.analysis.standings import Standings
from harness.reports.calibration import calibration_section
from harness.reports.classes import classes_section
from harness.reports.data_sizes import data_sizes
from harness.reports.depths import depths
from harness.reports.errors import changes_section, shared_section
from harness.reports.machines import machines
from harness.reports.overfitting import overfitting
from harness.reports.strategies import strategies

__all__ = ["SECTIONS", "render_comparisons"]

Section = Callable[[Standings], str]

SECTIONS: tuple[tuple[str, Section], ...] = (
    ("Strategy against strategy", strategies),
    ("What fine-tuning fixed and broke", changes_section),
    ("More depth", depths),
    ("More training images", data_sizes),
    ("Overfitting", overfitting),
    ("Errors that models share", shared_section),
    ("Accuracy by class", classes_section),
    ("Calibration", calibration_section),
    ("Machine against machine", machines),
)


def render_comparisons(found: Standings, *, pictures: Sequence[tuple[str, str]] = ()) -> str:
    """The comparisons of a run as markdown; `pictures` are titles and file names of what lies beside it."""
    parts = [f"# Comparisons: {found.facts.matrix}"]
    for title, section in SECTIONS:
        text = section(found)
        if text:
            parts.append(f"## {title}\n\n{text}")
    if len(parts) == 1:
        parts.append("This run has nothing that could be compared: no ranked result.")
    shown = [f"### {title}\n\n![{title}]({name})" for title, name in pictures]
    if shown:
        parts.append("\n\n".join(["## Pictures", *shown]))
    return "\n\n".join(parts) + "\n"
