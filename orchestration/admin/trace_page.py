"""The page "Trace": what happened to a run, to an actor, about a key or in a project, and the same as a file.

All that it was asked stands in its address, so that a link to it shows the same to whoever may see it.
"""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, StreamingHttpResponse

from agents.domain.notebook import MemoryScope
from orchestration.admin.access import caller_of
from orchestration.admin.addresses import actor_url, run_url
from orchestration.admin.asked import read_text
from orchestration.admin.lineage import NARROWING, build_lines, narrow, trace_url
from orchestration.admin.streaming import send_file
from orchestration.errors import OrchestrationError
from orchestration.models import Actor, Run
from orchestration.selectors.lineage import Subject, find_lineage, stream_lineage
from orchestration.selectors.lineage_subjects import About, find_subject
from orchestration.selectors.lineage_words import FORMS
from orchestration.selectors.scope import find_projects

_TYPES: Final = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
_NAMED: Final = ("name", "project", "scope", "id")
_WORDS: Final = {
    About.RUN: "a run",
    About.ACTOR: "an actor",
    About.MEMORY: "a memory",
    About.KEY: "a key",
    About.PROJECT: "a project",
}
_HINTS: Final = {
    About.RUN: ("Id of the run", "0190a5d2-…"),
    About.ACTOR: ("Address", "support.case/4711"),
    About.MEMORY: ("Key of the memory", "customer/7"),
    About.KEY: ("Idempotency key of runs and messages", "mail-17"),
    About.PROJECT: ("", ""),
}


def build_trace_page(request: HttpRequest) -> dict[str, Any]:
    """Return the page's context: what it is about, the form, and the lines or what is wrong with what was asked."""
    about, given = _read_about(request)
    found, faults = None, list[str]()
    if given["name"] or (about is About.PROJECT and request.GET.get("since")):
        try:
            found = find_subject(caller_of(request), about, given)
        except OrchestrationError as error:
            faults.append(str(error))
    named = {name: value for name, value in given.items() if value}
    params = {"about": str(about), **named}
    section = None if found is None else build_lines(request, found, params, f"{urlencode(params)}&")
    return {
        "title": "Trace",
        "about": about,
        "choices": [(words, trace_url(about=each), each == about) for each, words in _WORDS.items()],
        "hint": _HINTS[about],
        "given": given,
        "scopes": list(MemoryScope),
        "projects": list(find_projects(caller_of(request)).order_by("name")),
        "faults": faults,
        "subject": _link_subject(found),
        "section": section,
        "written": {name: read_text(request, name) for name in NARROWING},
        "query": f"{urlencode(params)}&{section['query']}".rstrip("&") if section else "",
    }


def export_trace(request: HttpRequest, form: str) -> StreamingHttpResponse:
    """Send all lines that a page shows as a file, some thousand at a time; its name says if these are a part.

    Raises: Http404: there is no such form, or nothing of that name for them; says what is wrong.
    """
    if form not in FORMS:
        raise Http404(f"There is no form {form}; known: {', '.join(sorted(FORMS))}.")
    about, given = _read_about(request)
    try:
        asked = narrow(request, find_subject(caller_of(request), about, given))
    except OrchestrationError as error:
        raise Http404(str(error)) from error
    if asked.faults:
        raise Http404("; ".join(asked.faults))
    found = find_lineage(asked.query)
    name = "trace-latest" if found.is_cut else "trace"
    return send_file(request, FORMS[form](stream_lineage(found.lines)), _TYPES[form], f"{name}.{form}")


def _read_about(request: HttpRequest) -> tuple[About, dict[str, str]]:
    about = read_text(request, "about")
    given = {name: read_text(request, name) for name in _NAMED}
    return About(about) if about in list(About) else About.RUN, given


def _link_subject(found: Subject | None) -> tuple[str, str] | None:
    if isinstance(found, Run):
        return f"run {str(found.pk)[:8]}", run_url(found.pk)
    return (found.address, actor_url(found.pk)) if isinstance(found, Actor) else None
