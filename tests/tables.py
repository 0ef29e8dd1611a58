"""Reading reports in markdown back: their sections and tables."""

import re


def section(text: str, title: str) -> str:
    """The part of a report under one heading that starts so."""
    parts = [part for part in text.split("\n## ") if part.startswith(title)]
    assert len(parts) == 1, f"expected one section {title!r}, found {len(parts)}"
    return parts[0]


def table(part: str) -> list[dict[str, str]]:
    """The rows of the one markdown table in a part, without what is bold."""
    lines = [line for line in part.splitlines() if line.startswith("|")]
    split = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    cells = [[cell.strip().removeprefix("**").removesuffix("**") for cell in each] for each in split]
    assert len({len(each) for each in cells}) == 1, "the table is broken"
    return [dict(zip(cells[0], each, strict=True)) for each in cells[2:]]
