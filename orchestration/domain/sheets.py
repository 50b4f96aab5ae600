"""Rows as a spreadsheet reads them. Pure."""

import csv
import io
from collections.abc import Iterable
from typing import Final

_FORMULA: Final = tuple("=+-@\t\r")


def guard_cell(text: str) -> str:
    """Return the text of a cell as no spreadsheet takes it for a formula: an apostrophe goes before what might be."""
    return f"'{text}" if text[:1] in _FORMULA else text


def write_row(cells: Iterable[str]) -> str:
    """Return a line of CSV, in which no cell is a formula."""
    text = io.StringIO()
    csv.writer(text).writerow([guard_cell(cell) for cell in cells])
    return text.getvalue()
