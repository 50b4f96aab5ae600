"""A place in a history, and news as server-sent events."""

import json
from datetime import UTC, datetime

import pytest

from orchestration.api.following import write_news
from orchestration.selectors.follow import Cursor, Line, News, parse_cursor

AT = datetime(2026, 5, 4, 3, 2, 1, 600_000, tzinfo=UTC)


def _line(event_id: int, data: object = None) -> Line:
    return Line(Cursor(7, event_id), "step_claimed", AT, "draft", 1, data if data is not None else {})


def test_a_place_is_read_as_it_is_written() -> None:
    assert parse_cursor(str(Cursor(12, 34))) == Cursor(12, 34)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1", "1.", ".1", "1.2.3", "-1.2", "1.x", "²1.1", "1 .2", "1.\x00", f"1.{2**63}", "9" * 40],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a place in a history is two whole numbers"):
        parse_cursor(text)


def test_each_line_is_an_event_with_its_place_as_id() -> None:
    message = write_news(News((_line(1), _line(2, {"rule": "a\n\nevent: end\ndata: x"}))))

    events = message.text.decode().split("\n\n")
    assert not message.is_last
    assert [event.splitlines()[0] for event in events[:-1]] == ["id: 7.1", "id: 7.2"]
    assert events[-1] == ""
    shown = json.loads(events[1].splitlines()[1].removeprefix("data: "))
    assert shown == {
        "id": "7.2",
        "kind": "step_claimed",
        "at": "2026-05-04T03:02:01.600000+00:00",
        "step": "draft",
        "attempt": 1,
        "data": {"rule": "a\n\nevent: end\ndata: x"},
    }


def test_the_end_is_said_behind_the_last_line() -> None:
    message = write_news(News((_line(1),), ended="failed"))
    assert message.is_last
    assert message.text.decode().endswith('\n\nevent: end\ndata: {"status": "failed"}\n\n')
