"""Since when a step is tried, by what was decided about its earlier attempts."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestration.domain.receipts import stamp
from orchestration.domain.tries import find_first_try, is_further_try

BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class _Line:
    """What is looked at of an earlier attempt."""

    decision: str
    started_at: str


def _earlier(decisions: list[str]) -> Any:
    """Return attempts that began a minute after each other, the last one a minute ago."""
    minutes = range(len(decisions), 0, -1)
    return [
        _Line(one, stamp(BEGUN - timedelta(minutes=ago))) for one, ago in zip(decisions, minutes, strict=True)
    ]


@pytest.mark.parametrize(
    ("decisions", "minutes", "is_further"),
    [
        ([], 0, False),
        (["retry"], 1, True),
        (["fallback"], 1, True),
        (["revise"], 1, True),
        (["wait"], 1, False),
        (["escalate"], 0, False),
        (["withdraw"], 0, False),
        ([""], 0, False),
        (["retry", "wait", "revise", "fallback"], 4, True),
        (["retry", "escalate", "retry"], 1, True),
        (["retry", "retry", "accept"], 0, False),
        (["escalate", "wait", "wait"], 2, False),
    ],
)
def test_tries_are_counted_from_the_last_fresh_start(
    decisions: list[str], minutes: int, is_further: bool
) -> None:
    earlier = _earlier(decisions)
    assert find_first_try(earlier, BEGUN) == BEGUN - timedelta(minutes=minutes)
    assert is_further_try(earlier) is is_further
