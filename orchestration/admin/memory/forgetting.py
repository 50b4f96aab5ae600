"""The page on which people have memories forgotten, a key or all about somebody: it shows which, then asks why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from orchestration import memory
from orchestration.admin.access import ReadOnlyAdmin, caller_of, has_right
from orchestration.admin.addresses import memories_url, memory_url
from orchestration.admin.memory.lines import view_memories
from orchestration.admin.memory.page import find_memory
from orchestration.admin.visible import mark_unseen
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.rights import Right
from orchestration.errors import OrchestrationError
from orchestration.memory.searching import narrow_to_subject
from orchestration.models import Forgetting, Memory
from orchestration.selectors.memories_shown import key_of, scope_versions
from orchestration.selectors.scope import find_projects, scope_rows

_MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Meant:
    """What is to be forgotten: the key of `named`, or all `about` somebody in the viewer's projects."""

    named: Memory | None
    about: str
    rows: QuerySet[Memory]
    projects: Sequence[str]


def show_forgetting(admin: ReadOnlyAdmin[Memory], request: HttpRequest) -> HttpResponse:
    """Show what would be forgotten; a POST forgets it."""
    meant = _read_meant(request)
    fault: OrchestrationError | None = None
    if request.method == "POST":
        try:
            told = _forget(request, meant)
        except OrchestrationError as error:
            fault = error
        else:
            versions = sum(one.versions for one in told)
            messages.success(
                request, f"{versions} {'version is' if versions == 1 else 'versions are'} forgotten."
            )
            return redirect(memory_url(meant.named.pk) if meant.named else memories_url(about=meant.about))
    return _render(admin, request, meant, fault)


def _read_meant(request: HttpRequest) -> Meant:
    """Return what is meant.

    Raises: Http404: there is no such memory.  PermissionDenied.
    """
    given = request.POST if request.method == "POST" else request.GET
    number, about = (given.get(name, "").replace("\x00", " ").strip() for name in ("id", "about"))
    caller = caller_of(request)
    named = find_memory(request, number) if number else None
    if not has_right(request, Right.MANAGE, named.project_id if named else None):
        raise PermissionDenied
    rows = scope_rows(caller, scope_versions(caller).filter(value_json__isnull=False), right=Right.MANAGE)
    if named is not None:
        return Meant(named, "", rows.filter(**key_of(named)), [named.project.slug])
    slugs = list(find_projects(caller, Right.MANAGE).values_list("slug", flat=True))
    return Meant(None, about, narrow_to_subject(rows, about) if about else rows.none(), slugs)


def _forget(request: HttpRequest, meant: Meant) -> list[Forgetting]:
    who: Any = request.user
    reason, way = request.POST.get("reason", ""), "console"
    if meant.named is None:
        return memory.forget_about(meant.about, reason=reason, projects=meant.projects, by=who, through=way)
    told = memory.forget(
        reason=reason,
        project=meant.named.project.slug,
        scope=meant.named.scope,
        id=meant.named.scope_id,
        key=meant.named.key,
        by=who,
        through=way,
    )
    return [told]


def _render(
    admin: ReadOnlyAdmin[Memory], request: HttpRequest, meant: Meant, fault: OrchestrationError | None
) -> HttpResponse:
    found = list(meant.rows[: _MOST_SHOWN + 1])
    context = {
        "title": f"Forget {meant.named.key}" if meant.named else "Forget all about somebody",
        "named": meant.named,
        "key": mark_unseen(meant.named.key) if meant.named else "",
        "about": meant.about,
        "projects": meant.projects,
        "back_url": memory_url(meant.named.pk) if meant.named else memories_url(),
        "lines": view_memories(found[:_MOST_SHOWN], caller_of(request).user_id),
        "count": meant.rows.count() if found else 0,
        "has_more": len(found) > _MOST_SHOWN,
        "fault": mark_unseen(str(fault)) if fault else "",
        "given": request.POST.get("reason", ""),
    }
    status = STATUS_OF[fault.code] if fault else 200
    return admin.render_page(request, "memory/forget.html", context, status=status)
