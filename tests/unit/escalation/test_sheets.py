"""CSV that a spreadsheet shows and does not compute."""

from datetime import UTC, datetime
from typing import Any

import pytest

from escalation.domain.sheets import write_sheet


def test_rows_become_lines_and_what_is_nested_columns() -> None:
    rows: list[dict[str, Any]] = [
        {"queue": "a", "by": {"edit": 2}, "share": 1 / 3, "at": datetime(2026, 1, 2, tzinfo=UTC)},
        {"queue": 'b "c", d', "by": {"skip": 1}, "share": None},
    ]
    assert write_sheet(rows).split("\r\n") == [
        "queue,by_edit,share,at,by_skip",
        "a,2,0.333333,2026-01-02T00:00:00+00:00,",
        '"b ""c"", d",,,,1',
        "",
    ]
    assert write_sheet([]) == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert f"'{text}" in write_sheet([{"agent": text}])


def test_a_number_below_nothing_stays_a_number() -> None:
    assert write_sheet([{"n": -1, "x": -0.5}]) == "n,x\r\n-1,-0.5\r\n"
