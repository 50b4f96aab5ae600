"""Lines of the lineage on the console: what a form asks for, one page of lines, and the ways to the rest of them.

The run's tab and the page "Trace" show the same; what they are about is theirs to find.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db import OperationalError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from agents.domain.redaction import redact
from orchestration.admin.addresses import message_url, run_url, step_url
from orchestration.admin.asked import read_text, read_times
from orchestration.admin.paging import Page, turn_page
from orchestration.admin.visible import mark_unseen, show_short
from orchestration.database.patience import bounded, is_cancelled
from orchestration.errors import LineageInvalid
from orchestration.models import LineageKind, LineageLine
from orchestration.selectors.lineage import LineageQuery, Subject, find_lineage, with_steps
from orchestration.selectors.lineage_subjects import check_query
from orchestration.selectors.lineage_words import FORMS, tell_line

_LINES_PER_PAGE: Final = 100
_MOST_SECONDS: Final = 10.0
_MAIL: Final = frozenset({LineageKind.MESSAGE, LineageKind.DELIVERY})
NARROWING: Final[tuple[str, ...]] = ("kind", "step", "below", "since", "until", "text")
"""What narrows lines, by the names that addresses of pages give."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of the lineage. `data`: what its words don't tell.  `more_url`: of the message that it is about."""

    row: LineageLine
    words: SafeString
    url: str
    run: str
    run_url: str
    more_url: str
    data: SafeString


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which lines a form asks for. `written`: as it shows them again.  `faults`: what is wrong with them."""

    query: LineageQuery
    written: dict[str, str]
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to the same lines, narrowed otherwise."""

    words: str
    url: str
    is_shown: bool


def narrow(request: HttpRequest, of: Subject) -> Narrowed:
    """Return which lines about something a page is asked for: `?kind=`, `?step=`, `?below=1`, two times, `?text=`."""
    times = read_times(request)
    kind, step, text = (read_text(request, name) for name in ("kind", "step", "text"))
    kinds = [kind] if kind in list(LineageKind) else []
    below = request.GET.get("below") == "1"
    written = {
        "kind": "".join(kinds),
        "step": step,
        "below": "1" if below else "",
        **times.written,
        "text": text,
    }
    query = LineageQuery(of, below, step, "", kinds, times.since, times.until, text)
    return Narrowed(query, written, times.faults or _check(query))


def _check(query: LineageQuery) -> list[str]:
    """Return what is wrong with a question, if anything."""
    try:
        check_query(query)
    except LineageInvalid as error:
        return [str(error)]
    return []


def build_lines(
    request: HttpRequest, of: Subject, about: Mapping[str, str], base: str = ""
) -> dict[str, Any]:
    """Return one page of lines about something, with the ways to others.

    Args: about: parameters by which the page "Trace" finds the same thing.  base: parameters of the page that shows it.
    """
    asked = narrow(request, of)
    written = {name: value for name, value in asked.written.items() if value}
    raw = {name: read_text(request, name) for name in NARROWING if name in written}
    page, is_cut, faults = _read(request, asked)

    def lead(words: str, *, is_shown: bool, **changed: str) -> Choice:
        kept = {name: value for name, value in {**raw, **changed}.items() if value}
        return Choice(words, f"?{base}{urlencode(kept)}#details", is_shown)

    kinds = [lead("all", kind="", is_shown=not written.get("kind"))]
    kinds += [lead(kind, kind=kind, is_shown=written.get("kind") == kind) for kind in LineageKind]
    below = asked.query.below
    return {
        "page": page,
        "lines": [view_lineage(line) for line in page.rows],
        "written": asked.written,
        "faults": faults,
        "is_cut": is_cut,
        "is_narrowed": bool(written),
        "kinds": kinds,
        "trees": [
            lead("this alone", below="", is_shown=not below),
            lead("runs below too", below="1", is_shown=below),
        ],
        "query": urlencode(raw),
        "page_url": f"{trace_url()}?{urlencode({**about, **raw})}",
        "exports": [(form, export_url(form, {**about, **raw})) for form in FORMS],
    }


def _read(request: HttpRequest, asked: Narrowed) -> tuple[Page[LineageLine], bool, list[str]]:
    """Return a page of lines, whether the past is longer than what was looked at, and what is wrong."""
    nothing = turn_page(request, LineageLine.objects.none(), _LINES_PER_PAGE)
    if asked.faults:
        return nothing, False, asked.faults
    try:
        with bounded(_MOST_SECONDS):
            found = find_lineage(asked.query)
            return turn_page(request, with_steps(found.lines), _LINES_PER_PAGE), found.is_cut, []
    except OperationalError as error:
        if not is_cancelled(error):
            raise
        why = f"It took more than {_MOST_SECONDS:.0f} s: ask for less, by two times, or take it as a file."
        return nothing, False, [why]


def trace_url(**about: str) -> str:
    """Return the address of the page "Trace" about something."""
    url = reverse("admin:orchestration_trace")
    return f"{url}?{urlencode(about)}" if about else url


def export_url(form: str, asked: Mapping[str, str]) -> str:
    """Return the address of lines as a file."""
    return f"{reverse('admin:orchestration_trace_export', args=(form,))}?{urlencode(asked)}"


def view_lineage(line: LineageLine) -> TraceLine:
    """Return a line of the lineage as a table shows it. Its step must be loaded."""
    said = json.loads(line.data_json)
    is_event = line.kind == LineageKind.EVENT
    return TraceLine(
        row=line,
        words=mark_unseen(tell_line(line)),
        url=step_url(line.run_id, line.step.key) if line.step and line.run_id else "",
        run=str(line.run_id)[:8] if line.run_id else "",
        run_url=run_url(line.run_id) if line.run_id else "",
        more_url=message_url(said["message"]) if line.kind in _MAIL else "",
        data=mark_unseen(redact(show_short(said))) if said and is_event else SafeString(""),
    )
