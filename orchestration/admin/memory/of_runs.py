"""What a run, a step or an actor wrote to memory, and what it looked up there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from agents.domain.notebook import MemoryScope
from orchestration.admin.access import caller_of
from orchestration.admin.addresses import memories_url, memory_url, step_url
from orchestration.admin.chips import show_excerpt
from orchestration.admin.memory.lines import view_memories
from orchestration.admin.paging import turn_page
from orchestration.admin.visible import mark_unseen, show_json, show_short
from orchestration.domain.states import StepStatus
from orchestration.models import Actor, Call, Run, Step
from orchestration.selectors.memories_shown import (
    Look,
    list_current_of,
    list_looks,
    list_written,
    view_looks,
)
from orchestration.selectors.pending import list_notes, load_pending

_LINES_PER_PAGE: Final = 50
_MOST: Final = 50
_MOST_OF_ACTOR: Final = 20


@dataclass(frozen=True, slots=True)
class LookLine:
    """Something that was looked up. `found`: key, version and address of each."""

    step: str
    step_url: str
    asked: SafeString
    found: list[tuple[SafeString, int, str]]
    at: datetime


def build_memory(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Return a page of what the steps of a run wrote, and what they looked up."""
    user_id = caller_of(request).user_id
    page = turn_page(request, list_written(run_id=run.pk), _LINES_PER_PAGE)
    return {
        "page": page,
        "lines": view_memories(page.rows, user_id),
        "is_first": page.number == 1,
        **_view_looks(list_looks(run_id=run.pk), user_id),
    }


def show_memory_of_step(
    step: Step, user_id: int | None, *, is_hidden: bool, has_calls: bool
) -> dict[str, Any]:
    """Return what a step wrote, what it looked up, and what it would write if its answer is accepted as it stands.

    Args: has_calls: its agent called something; what is looked up is a call.
    """
    written = list(list_written(step_id=step.pk)[:_MOST])
    waits = step.status == StepStatus.HELD and not is_hidden
    notes = list_notes(load_pending(step.pk, step.revision)) if waits else []
    return {
        "would_remember": [
            (mark_unseen(note.words), show_json(json.dumps(note.value))) for note in notes[:_MOST]
        ],
        "would_remember_count": len(notes),
        "remembered": view_memories(written, user_id),
        **(_view_looks(list_looks(step_id=step.pk), user_id) if has_calls else {}),
    }


def show_memory_of_actor(actor: Actor, user_id: int | None) -> dict[str, Any]:
    """Return what is remembered of an actor's own."""
    rows = list(list_current_of(actor.project_id, MemoryScope.ACTOR, actor.address)[:_MOST_OF_ACTOR])
    return {
        "remembered": view_memories(rows, user_id),
        "memories_url": memories_url(scope=MemoryScope.ACTOR, of=actor.address, project=actor.project.slug),
    }


def _view_looks(calls: QuerySet[Call], user_id: int | None) -> dict[str, Any]:
    found = list(calls[: _MOST + 1])
    looks: Sequence[Look] = view_looks(found[:_MOST], user_id)
    return {"looks": [_view(look) for look in looks], "more_looks": len(found) > _MOST}


def _view(look: Look) -> LookLine:
    call = look.call
    asked = f"Not shown: {look.hidden}." if look.asked is None else show_short(look.asked)
    return LookLine(
        step=call.step.key,
        step_url=step_url(call.run_id, call.step.key),
        asked=show_excerpt(asked),
        found=[(mark_unseen(row.key), row.version, memory_url(row.pk)) for row in look.found],
        at=call.begun_at,
    )
