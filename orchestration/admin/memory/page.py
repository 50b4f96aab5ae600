"""What the page of a memory's key shows: what it says and said, who wrote and forgot it, and what people may do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from orchestration.admin.access import caller_of, find_by_number, has_right
from orchestration.admin.addresses import memories_url
from orchestration.admin.chips import chip
from orchestration.admin.memory.lines import link_owner, link_writer, say
from orchestration.admin.paging import turn_page
from orchestration.admin.times import read_written
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.domain.rights import Right
from orchestration.models import Memory
from orchestration.selectors.memories_shown import (
    Shown,
    list_versions_of,
    scope_versions,
    show_memories,
)
from orchestration.selectors.progress import read_clock
from orchestration.selectors.withheld import UNTOLD

_VERSIONS_PER_PAGE: Final = 25
_LONG: Final = 120


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version in the history. `text`: all that it says, where that is more than `said` tells.

    Attributes: counts: it is the one that counts, or counted at the time that is asked about.
    """

    row: Memory
    writer: SafeString
    said: SafeString
    text: SafeString | None
    reason: SafeString
    counts: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a memory is about."""

    name: SafeString
    url: str


def find_memory(request: HttpRequest, object_id: str) -> Memory:
    """Return a version that the viewer may see.

    Raises: Http404.
    """
    return find_by_number(scope_versions(caller_of(request)), object_id, "memory")


def build_memory_page(request: HttpRequest, named: Memory) -> dict[str, Any]:
    """Return the page's context.

    Args: request: `?at=` asks for the version that counted then; `?page=` for a page of the history.
    """
    now = read_clock()
    at, fault = read_written("at", request.GET.get("at", ""))
    versions = list_versions_of(named)
    current = _find_counting(named, at or now)
    page = turn_page(request, versions, _VERSIONS_PER_PAGE)
    shown = show_memories([*page.rows, *([current] if current else [])], caller_of(request).user_id)
    tone, words, sentence = _describe(versions.first() or named, current, at, now)
    return {
        "title": f"Memory {named.key}",
        "named": named,
        "key": mark_unseen(named.key),
        "owner": link_owner(named),
        "owner_url": memories_url(scope=named.scope, of=named.scope_id, project=named.project.slug),
        "state": chip(tone, words),
        "tone": tone,
        "sentence": sentence,
        "at": request.GET.get("at", ""),
        "fault": fault,
        "current": current,
        "hidden": shown[current.pk].hidden if current else "",
        "is_untold": current is not None and shown[current.pk].hidden == UNTOLD,
        "text": _show_whole(shown[current.pk]) if current else None,
        "search": mark_unseen(shown[current.pk].search) if current else "",
        "writer": link_writer(current) if current else "",
        "subjects": [
            Subject(mark_unseen(name), memories_url(about=name))
            for name in (current.about if current else [])
        ],
        "page": page,
        "query": urlencode({"at": request.GET["at"]}) if request.GET.get("at") else "",
        "versions": [_view(row, shown[row.pk], current) for row in page.rows],
        "write_url": _offer(request, "write", Right.RUN, named),
        "forget_url": _offer(request, "forget", Right.MANAGE, named),
    }


def _offer(request: HttpRequest, act: str, right: Right, named: Memory) -> str:
    if not has_right(request, right, named.project_id):
        return ""
    return f"{reverse(f'admin:orchestration_memory_{act}')}?id={named.pk}"


def _find_counting(named: Memory, at: datetime) -> Memory | None:
    """Return the version that counted at a moment, whether or not it is forgotten; None: none did."""
    rows = list_versions_of(named).filter(valid_from__lte=at).exclude(replaced_at__lte=at)
    return rows.exclude(expires_at__lte=at).first()


def _describe(
    latest: Memory, current: Memory | None, at: datetime | None, now: datetime
) -> tuple[str, str, str]:
    """Return tone, word and sentence of how a key stands."""
    when = "" if at is None else " at that time"
    if current is None and at is None:
        words = "Its latest version has expired: nobody reads it any more. Its history stays."
        return "cancelled", "expired", words
    if current is None:
        return "planned", "not there", "Nothing was remembered under this key at that time."
    if current.is_forgotten:
        words = (
            "What it said is forgotten: agents find nothing here. Digest, writer and time stay for proofs."
        )
        return "cancelled", "forgotten", words
    if at is not None and current.pk != latest.pk:
        return "planned", "as it stood", f"This is what agents read{when}; it has been replaced since."
    ends = "" if current.expires_at is None or current.expires_at <= now else ", until it expires"
    return "succeeded", "remembered", f"Agents whose first look comes now read this{ends}."


def _show_whole(shown: Shown) -> SafeString | None:
    return None if shown.value_json is None else show_json(shown.value_json)


def _view(row: Memory, shown: Shown, current: Memory | None) -> VersionView:
    is_long = shown.value_json is not None and len(shown.value_json) > _LONG
    return VersionView(
        row=row,
        writer=link_writer(row),
        said=say(row, shown),
        text=_show_whole(shown) if is_long else None,
        reason=mark_unseen(shown.reason),
        counts=current is not None and current.pk == row.pk,
    )
