"""How rows look on a terminal: lines, tables, and model output that can't steer the screen."""

from collections.abc import Sequence
from datetime import datetime


def show_text(text: str, width: int = 200) -> str:
    """Return a text as one line in which every control, bidi or zero-width character is spelled out."""
    line = " ".join(text.split())
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return visible if len(visible) <= width else f"{visible[: width - 1]}…"


def show_time(moment: datetime | None) -> str:
    """Return a moment as UTC to the millisecond, or a dash."""
    return (
        "-" if moment is None else moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    )


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Return the lines of a table whose last column is not padded."""
    table = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [f"{indent}{'  '.join(map(str.ljust, row, widths)).rstrip()}" for row in table]
