"""What people type about times: a moment, or a span before or behind another."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestration.domain.moments import read_point
from orchestration.domain.span import read_span


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("2026-03-01T08:00:00Z", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T08:00:00+02:00", datetime(2026, 3, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_time_or_a_span_is_read_by_every_command_alike(text: str, found: datetime | timedelta) -> None:
    assert read_point(text) == read_point(text, assumes_utc=True) == found


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T00:00", "2026-03-01 00:00:00"])
def test_a_day_is_taken_only_where_its_zone_is_known(text: str) -> None:
    assert read_point(text, assumes_utc=True) == datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(
        ValueError, match=r"a time with its zone, such as .* hours or days, such as 12h or 30d"
    ):
        read_point(text)


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "d", "0d", "-3h", "401d", "2026-13-40", "9" * 400 + "h", "Z"]
)
def test_what_is_neither_is_refused(text: str) -> None:
    for assumes_utc in (False, True):
        with pytest.raises(ValueError, match="give a time"):
            read_point(text, assumes_utc=assumes_utc)


def test_a_span_is_hours_or_days() -> None:
    assert (read_span("12h").total_seconds(), read_span("30d").days) == (43_200, 30)


@pytest.mark.parametrize("text", ["", "h", "0h", "401d", "-1h", "1.5h", "1w", "99999999h", "\u0661h", "1 h"])
def test_any_other_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"give .*\d+"):
        read_span(text)
