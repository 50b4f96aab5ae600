"""The audit as text: JSON lines, which are exact, and CSV, which people open in a spreadsheet."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from escalation.audit.reading import tell_line
from escalation.models import AuditLine
from orchestration.domain.sheets import write_row

COLUMNS: Final = (
    "id",
    "at",
    "act",
    "person",
    "person_id",
    "door",
    "address",
    "project",
    "queue",
    "ticket",
    "digest",
    "data",
)


def write_json_lines(lines: Iterable[AuditLine]) -> Iterator[str]:
    """Yield one JSON object a line."""
    for line in lines:
        yield f"{json.dumps(tell_line(line))}\n"


def write_csv(lines: Iterable[AuditLine]) -> Iterator[str]:
    """Yield a head and one row a line; no cell is a formula."""
    yield write_row(COLUMNS)
    for line in lines:
        told = {**tell_line(line), "data": line.data_json}
        yield write_row(["" if told[name] is None else str(told[name]) for name in COLUMNS])


FORMS: Final[dict[str, Callable[[Iterable[AuditLine]], Iterator[str]]]] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
}
"""By the name that commands and addresses give."""
