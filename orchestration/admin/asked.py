"""What a page's form was given: two times, and texts."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from orchestration.admin.times import read_written, write_time


@dataclass(frozen=True, slots=True)
class Times:
    """A span that a form asks for. `written`: as the form shows it again.  `faults`: what is wrong with it."""

    since: datetime | None
    until: datetime | None
    written: dict[str, str]
    faults: list[str]


def read_times(request: HttpRequest) -> Times:
    """Return what `?since=` and `?until=` ask for: days or times, in UTC where they name no zone."""
    found: dict[str, datetime | None] = {}
    written, faults = dict[str, str](), list[str]()
    for name in ("since", "until"):
        text = read_text(request, name)
        found[name], fault = read_written(name, text)
        written[name] = text if fault else write_time(found[name])
        faults += [fault] if fault else []
    since, until = found["since"], found["until"]
    if since and until and since >= until:
        faults.append("since: it is not before `until`, so that nothing can lie between; exchange the two")
    return Times(since, until, written, faults)


def read_text(request: HttpRequest, name: str) -> str:
    """Return a text that a form was given. PostgreSQL can't hold a NUL, and nothing that is looked for has one."""
    return request.GET.get(name, "").strip().replace("\x00", "\ufffd")
