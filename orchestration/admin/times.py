"""Moments as the console writes them: UTC in the page, and in the viewer's zone where a script can tell which."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from django import template
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# How `times.js` writes each in the viewer's zone.
_FORMS: Final = {
    "moment": "{0.day} {1} {0:%Y, %H:%M:%S}",
    "exact": "{0.day} {1} {0:%Y, %H:%M:%S.%f}",
    "short": "{0.day} {1}, {0:%H:%M}",
    "time": "{0:%H:%M:%S}",
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _write(utc: datetime, form: str) -> str:
    """Return a moment in words. A page has hundreds: Django's own way takes ten times as long for each."""
    return _FORMS[form].format(utc, _MONTHS[utc.month - 1])


def place_moment(words: str, at: datetime, form: str = "moment") -> tuple[SafeString, str]:
    """Return words around a moment for an element that can hold no other, such as a title in a picture.

    Args: words: with `{}` where the moment stands.
    Returns: attributes by which `times.js` writes them in the viewer's zone, and the words as they stand until then.
    """
    utc = at.astimezone(UTC)
    attributes = format_html(
        ' data-at="{}" data-form="{}" data-words="{}"', utc.isoformat().replace("+00:00", "Z"), form, words
    )
    return attributes, words.replace("{}", f"{_write(utc, form)} UTC", 1)


@register.filter
def moment(at: datetime | None, form: str = "moment") -> SafeString | str:
    """Return a moment as an element: to the second, `exact` to parts of it, `short`, or only its `time`."""
    if at is None:
        return ""
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-form="{}" title="{}">{} UTC</time>',
        utc.isoformat().replace("+00:00", "Z"),
        form,
        f"{utc:%Y-%m-%d %H:%M:%S.%f} UTC".replace(".000000", ""),
        _write(utc, form),
    )


def moment_column(field: str, words: str) -> Callable[[Any], SafeString | str]:
    """Return a column of a list that shows a moment of its rows in the viewer's zone, and sorts by it."""

    @admin.display(description=words, ordering=field, empty_value="-")
    def column(row: Any) -> SafeString | str:
        return moment(getattr(row, field)) or "-"

    return column


def read_written(name: str, text: str) -> tuple[datetime | None, str]:
    """Return a moment that was written into the form, and what is wrong with it."""
    if not text.strip():
        return None, ""
    try:
        read = datetime.fromisoformat(text.strip())
        utc = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return (
            None,
            f"{name}: {text[:60]!r} is no time; write one as 2026-03-01T14:30, in UTC, or leave it empty",
        )
    return utc, ""


@register.filter
def as_field(text: str) -> str:
    """Return a moment that was asked for as a field for dates and times can hold it: in UTC; empty, if it is none."""
    return write_time(read_written("", text)[0])


def write_time(moment: datetime | None) -> str:
    """Return a moment as a field for times holds it: in UTC, without saying so."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds").removesuffix(".000")
