"""What the inbox's address asks for."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from escalation.domain.inbox import InboxQuery, InboxState, Place, read_query

FULL = InboxQuery(
    state=InboxState.MINE,
    search="lamp & co",
    queue="7",
    workflow="letter",
    agent="a.b",
    rule="r",
    tag="tägs",
    sla="internal",
    after=Place(datetime(2026, 1, 2, 3, 4, 5, 6, UTC), 9),
)


def _read(text: str) -> InboxQuery:
    return read_query(QueryDict(text).dict())


def test_an_address_holds_the_whole_state() -> None:
    assert _read(FULL.write(after=FULL.after)) == FULL


def test_another_filter_begins_at_the_first_row() -> None:
    assert _read(FULL.write(rule="s")) == InboxQuery(
        **{
            name: getattr(FULL, name)
            for name in ("state", "search", "queue", "workflow", "agent", "tag", "sla")
        },
        rule="s",
    )


def test_what_is_open_needs_no_words() -> None:
    assert InboxQuery().write() == ""
    assert InboxQuery().is_plain
    assert not FULL.is_plain


@pytest.mark.parametrize(
    "text",
    [
        "state=none",
        "queue=x",
        "queue=99999999999999999999",
        "after=x",
        "after=~",
        "after=2026-01-02T03:04~1",
        "after=2026-13-02T03:04:05Z~1",
        "after=~-1",
        "q=%00",
        "q=%20",
    ],
)
def test_what_can_not_be_read_asks_for_what_is_open(text: str) -> None:
    assert _read(text) == InboxQuery()


def test_long_texts_are_cut() -> None:
    assert len(_read("q=" + "x" * 5000).search) == 200
