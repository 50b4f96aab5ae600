"""The page on which people write a memory: a new key, or a version of one. What was wrong stays, to be mended."""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from agents.domain.notebook import MemoryScope
from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from orchestration import memory
from orchestration.admin.access import ReadOnlyAdmin, caller_of, has_right
from orchestration.admin.addresses import memories_url, memory_url
from orchestration.admin.memory.page import find_memory
from orchestration.admin.visible import mark_unseen
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.rights import Right
from orchestration.errors import MemoryInvalid, OrchestrationError
from orchestration.models import Memory
from orchestration.selectors.memories_shown import list_versions_of, show_memories
from orchestration.selectors.scope import find_project, find_projects

_FIELDS: Final = (
    "project",
    "scope",
    "id",
    "key",
    "value",
    "search",
    "about",
    "expires",
    "reason",
    "expected",
)


def show_writing(admin: ReadOnlyAdmin[Memory], request: HttpRequest) -> HttpResponse:
    """Show the form; a POST writes what is in it."""
    named = find_memory(request, request.GET["id"]) if request.GET.get("id") else None
    if not has_right(request, Right.RUN, named.project_id if named else None):
        raise PermissionDenied
    if request.method != "POST":
        return _render(admin, request, named, _fill(request, named), None)
    given = {name: request.POST.get(name, "") for name in _FIELDS}
    try:
        written = _write(request, given)
    except OrchestrationError as error:
        return _render(admin, request, named, given, error)
    messages.success(request, f"{written.key} is at version {written.version}.")
    return redirect(memory_url(written.pk))


def _fill(request: HttpRequest, named: Memory | None) -> dict[str, str]:
    """Return what the form says at first: of a key its latest version, as far as it may be shown."""
    if named is None:
        return {name: request.GET.get(name, "") for name in ("project", "scope", "key")} | {"expected": "0"}
    latest = list_versions_of(named)[0]
    shown = show_memories([latest], caller_of(request).user_id)[latest.pk]
    value = (
        ""
        if shown.value_json is None
        else json.dumps(json.loads(shown.value_json), indent=2, ensure_ascii=False)
    )
    return {
        "project": named.project.slug,
        "scope": named.scope,
        "id": named.scope_id,
        "key": named.key,
        "value": value,
        "about": "\n".join(latest.about),
        "expected": str(latest.version),
    }


def _write(request: HttpRequest, given: Mapping[str, str]) -> Memory:
    project = find_project(caller_of(request), given["project"].replace("\x00", " "), Right.RUN)
    if not given["reason"].strip():
        raise MemoryInvalid("reason: say why; it is shown in the history")
    who: Any = request.user
    return memory.remember(
        given["scope"],
        given["key"].strip(),
        _read_value(given["value"]),
        id=given["id"].strip(),
        project=project.slug,
        search=given["search"] or None,
        expires_in_seconds=_read_number("expires", given["expires"], float),
        expected_version=_read_number("expected", given["expected"], int),
        about=[line.strip() for line in given["about"].splitlines() if line.strip()],
        reason=given["reason"].strip(),
        by=who,
        through="console",
    )


def _read_value(text: str) -> Any:
    try:
        return read_json(text)
    except UnreadableJson as error:
        raise MemoryInvalid(
            f'value: it is no JSON ({error}); write text in double quotes, such as "short answers"'
        ) from None


def _read_number(name: str, text: str, read: type[float] | type[int]) -> Any:
    if not text.strip():
        return None
    try:
        return read(text)
    except ValueError:
        raise MemoryInvalid(f"{name}: {text[:40]!r} is no number; write one, or leave it empty") from None


def _render(
    admin: ReadOnlyAdmin[Memory],
    request: HttpRequest,
    named: Memory | None,
    given: Mapping[str, str],
    fault: OrchestrationError | None,
) -> HttpResponse:
    projects = find_projects(caller_of(request), Right.RUN)
    context = {
        "title": f"Write {named.key}" if named else "Write a memory",
        "named": named,
        "back_url": memory_url(named.pk) if named else memories_url(),
        "given": given,
        "scopes": list(MemoryScope),
        "projects": list(projects.values_list("slug", "name")),
        "fault": mark_unseen(str(fault)) if fault else "",
        "is_conflict": fault is not None and STATUS_OF[fault.code] == 409,
    }
    status = STATUS_OF[fault.code] if fault else 200
    return admin.render_page(request, "memory/write.html", context, status=status)
