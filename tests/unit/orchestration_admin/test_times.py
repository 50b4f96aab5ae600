"""Moments are written as Django writes them, to the letter."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.dateformat import format as format_date

from orchestration.admin.times import moment

_DJANGO = {"moment": "j M Y, H:i:s", "exact": "j M Y, H:i:s.u", "short": "j M, H:i", "time": "H:i:s"}


@pytest.mark.parametrize("form", _DJANGO)
@pytest.mark.parametrize("month", range(1, 13))
def test_each_month_and_form_is_written_as_django_writes_it(form: str, month: int) -> None:
    at = datetime(2026, month, 5, 7, 8, 9, 45, tzinfo=UTC)
    assert f">{format_date(at, _DJANGO[form])} UTC</time>" in moment(at, form)


def test_a_moment_of_another_zone_is_told_in_utc() -> None:
    at = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert ">31 Dec 2025, 22:30:00 UTC</time>" in moment(at)
