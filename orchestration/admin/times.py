"""Moments as the console writes them: UTC in the page, and in the viewer's zone where a script can tell which."""

from datetime import UTC, datetime
from typing import Final

from django import template
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# How `times.js` writes each in the viewer's zone.
_FORMS: Final = {
    "moment": "j M Y, H:i:s",
    "exact": "j M Y, H:i:s.u",
    "short": "j M, H:i",
    "time": "H:i:s",
}


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
        format_date(utc, _FORMS[form]),
    )
