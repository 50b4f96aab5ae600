"""Memories as people see them: of their projects, as they stood, without what a restricted queue keeps from them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, QuerySet, Value, When

from agents.domain.calls import CallKind
from agents.domain.memories import write_search
from agents.domain.notebook import MemoryScope
from agents.domain.redaction import redact, redact_json
from orchestration.domain.calls import CallState
from orchestration.memory.desk import list_current, list_versions
from orchestration.memory.searching import find_alike, narrow_to_text
from orchestration.models import Call, Memory
from orchestration.selectors.scope import Caller, scope_rows
from orchestration.selectors.withheld import find_unsearchable, withhold, withhold_handed

_LOOKS: Final = ("read", "recall")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a version says, as somebody may see it. `value_json`, `search`: without secrets; None: forgotten, or hidden.

    Attributes: hidden: why it is not shown; "" when it is.
    """

    value_json: str | None
    search: str
    reason: str
    hidden: str = ""


def scope_memories(caller: Caller, *, at: datetime | None = None) -> QuerySet[Memory]:
    """Return what is remembered in the caller's projects, or was at a moment: the version of each key that counts."""
    return scope_rows(caller, list_current(at=at))


def scope_versions(caller: Caller) -> QuerySet[Memory]:
    """Return all versions in the caller's projects."""
    return scope_rows(caller, list_versions())


def list_versions_of(memory: Memory) -> QuerySet[Memory]:
    """Return all versions of a memory's key, the latest first."""
    return list_versions().filter(**key_of(memory)).order_by("-version")


def list_written(*, run_id: UUID | None = None, step_id: int | None = None) -> QuerySet[Memory]:
    """Return the versions that the steps of a run, or one step, wrote, in their order."""
    about = {"run": run_id} if step_id is None else {"step": step_id}
    return list_versions().filter(**about).order_by("pk")


def list_current_of(project_id: int, scope: MemoryScope, scope_id: str) -> QuerySet[Memory]:
    """Return what is remembered now of an agent, a run or an actor."""
    return list_current().filter(project=project_id, scope=scope, scope_id=scope_id)


def key_of(memory: Memory) -> dict[str, Any]:
    """Return what all versions of a memory's key share."""
    return {
        "project": memory.project_id,
        "scope": memory.scope,
        "scope_id": memory.scope_id,
        "key": memory.key,
    }


def show_memories(rows: Sequence[Memory], user_id: int | None) -> dict[int, Shown]:
    """Return what versions say, by their id, without secrets; or why somebody may not see it."""
    said: dict[int, list[str | None]] = {}
    for row in rows:
        if row.step_id is not None:
            said.setdefault(row.step_id, []).append(row.value_json)
    hidden = withhold(said, user_id)
    return {row.pk: _show(row, hidden.get(row.step_id or 0, "")) for row in rows}


def show_whole(row: Memory) -> Shown:
    """Return what a version says, for whoever may see all."""
    return _show(row, "")


def _show(row: Memory, hidden: str) -> Shown:
    if hidden:
        return Shown(None, "", "", hidden)
    if row.value_json is None:
        return Shown(None, "", "")
    value_json = redact_json(row.value_json)
    # Words of a value have lost what told a secret by its name.
    is_of_value = row.search == write_search(row.value_json)
    return Shown(
        value_json, write_search(value_json) if is_of_value else redact(row.search), redact(row.reason)
    )


def leave_out_hidden(rows: QuerySet[Memory], user_id: int | None) -> QuerySet[Memory]:
    """Return those of some memories whose texts somebody may look through."""
    writers = rows.order_by().filter(step__isnull=False).values_list("step", flat=True).distinct()
    hidden = find_unsearchable(writers, user_id)
    return rows.exclude(step__in=hidden) if hidden else rows


def search(rows: QuerySet[Memory], text: str, user_id: int | None) -> QuerySet[Memory]:
    """Return the memories that hold a text in key, value or search text."""
    return leave_out_hidden(narrow_to_text(rows, text), user_id)


def order_alike(rows: QuerySet[Memory], like: str, user_id: int | None) -> QuerySet[Memory]:
    """Return the memories that are like a text, the best first, with their `place`."""
    ids = find_alike(leave_out_hidden(rows, user_id), like)
    places = [When(pk=pk, then=Value(place)) for place, pk in enumerate(ids)]
    found = rows.filter(pk__in=ids)
    return found.annotate(place=Case(*places)).order_by("place") if places else found


@dataclass(frozen=True, slots=True)
class Look:
    """What a step looked up. `found`: the versions, the best first; `asked`: without secrets; None: it is hidden."""

    call: Call
    asked: Any | None
    found: list[Memory]
    hidden: str


def list_looks(*, run_id: UUID | None = None, step_id: int | None = None) -> QuerySet[Call]:
    """Return the calls by which a run's steps, or one step, looked something up, in their order."""
    about = {"run": run_id} if step_id is None else {"step": step_id}
    rows = Call.objects.filter(**about, kind=CallKind.MEMORY, name__in=_LOOKS, state=CallState.DONE)
    return rows.select_related("step").order_by("pk")


def view_looks(calls: Sequence[Call], user_id: int | None) -> list[Look]:
    """Return what was looked up and found. What was found is named, and shown on its own page only."""
    said: dict[int, list[str | None]] = {}
    for call in calls:
        said.setdefault(call.step_id, []).append(call.request_json)
    hidden = withhold_handed(((call.run_id, call.step_id) for call in calls), user_id) | withhold(
        said, user_id
    )
    ids = {call.pk: [found[0] for found in json.loads(call.response_json or "[]")] for call in calls}
    known = list_versions().in_bulk({pk for found in ids.values() for pk in found})
    return [
        Look(
            call,
            None if call.step_id in hidden else _read_asked(call),
            [known[pk] for pk in ids[call.pk] if pk in known],
            hidden.get(call.step_id, ""),
        )
        for call in calls
    ]


def _read_asked(call: Call) -> Any:
    asked_json = redact_json(call.request_json)
    return json.loads(asked_json)
