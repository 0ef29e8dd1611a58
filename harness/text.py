"""Plain text within a width: tables without boxes, and paragraphs; the same in a terminal and a pipe."""

import re
import textwrap
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest

__all__ = ["counted", "isolated", "paragraph", "quoted", "sentences", "text_table", "trained_on"]

_PROSE = 100
_GAP = 2
_NARROWEST = 18
_CHOICES = re.compile(r"(Choices: (?:[^,]+, ){5})(?:[^,]+, )+.*")


def counted(count: int, name: str) -> str:
    """A number of things with their name: "1 cell", "2,000 passes"."""
    return f"{count:,} {name}{'' if count == 1 else 'es' if name.endswith('s') else 's'}"


def trained_on(images: int | None) -> str:
    """A number of training images in words, "1,000 training images"; None is all that there are."""
    return "all training images" if images is None else counted(images, "training image")


def isolated(name: str) -> str:
    """A name that others gave, to stand in a line of ours: without line breaks, and of its own direction.

    A name written from right to left would take the commas and figures behind it along (UAX 9); between the
    marks U+2068 and U+2069 it does not.
    """
    line = "".join(" " if unicodedata.category(each) == "Cc" else each for each in name)
    turned = any(unicodedata.bidirectional(each) in ("R", "AL", "RLE", "RLO", "RLI") for each in line)
    return f"\u2068{line}\u2069" if turned else line


def paragraph(text: str, width: int | None = None, *, mark: str = "") -> str:
    """Break a text at spaces, never inside a word or an address; what follows a `mark` hangs from it."""
    return textwrap.fill(
        text,
        min(width or _PROSE, _PROSE),
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def quoted(value: object, longest: int = 200) -> str:
    """What others gave, in backticks: in markdown it is neither a link nor a mention nor a tag.

    It stands in one line, its own backticks become apostrophes, and what is too long is cut.
    """
    line = " ".join(str(value).split()).replace("`", "'")
    cut = line if len(line) <= longest else f"{line[:longest]}..."
    return f"`{isolated(cut) or ' '}`"


def sentences(message: str) -> str:
    """A message's lines as sentences in one line; of a long list of choices, the first alone."""
    lines = [_CHOICES.sub(r"\1...", " ".join(line.split())) for line in message.splitlines()]
    # What stands in a line of its own is a sentence, even if its author wrote no full stop.
    return re.sub(r"(?<=[^.!?:;,])\n(?=[A-Z`])", ". ", "\n".join(filter(None, lines))).replace("\n", " ")


def text_table(
    columns: Mapping[str, Sequence[str]],
    *,
    right: Collection[str] = (),
    width: int | None = None,
    wrapped: Sequence[str] = (),
) -> str:
    """A table of columns; where it is wider than `width`, those of `wrapped` are broken at spaces."""
    shown = {name: list(values) for name, values in columns.items()}
    for name in wrapped:
        too_much = sum(_widths(shown).values()) + _GAP * (len(shown) - 1) - (width or 0)
        if width and name in shown and too_much > 0:
            left = max(_NARROWEST, _widths(shown)[name] - too_much)
            shown[name] = [
                textwrap.fill(value, left, break_long_words=False, break_on_hyphens=False)
                for value in shown[name]
            ]
    widths = _widths(shown)

    def lines(values: Sequence[str]) -> list[str]:
        stacked = zip_longest(*(value.split("\n") for value in values), fillvalue="")
        return [
            (" " * _GAP)
            .join(
                part.rjust(widths[name]) if name in right else part.ljust(widths[name])
                for name, part in zip(shown, parts, strict=True)
            )
            .rstrip()
            for parts in stacked
        ]

    table = [lines(list(shown)), ["  ".join("-" * width for width in widths.values())]]
    table += [lines(values) for values in zip(*shown.values(), strict=True)]
    return "\n".join(line for row in table for line in row)


def _widths(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {
        name: max(len(line) for value in (name, *values) for line in value.split("\n"))
        for name, values in columns.items()
    }
