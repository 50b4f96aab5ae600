"""Memories as tables show them: whose they are, what they say, who wrote them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.domain.notebook import MemoryScope
from orchestration.admin.addresses import memory_url, run_url, step_url
from orchestration.admin.chips import chip, show_excerpt
from orchestration.admin.visible import mark_unseen, show_short
from orchestration.models import Memory
from orchestration.selectors.memories_shown import Shown, show_memories

_MOST_WORKED_OUT: Final = 4_000
_DASH: Final = SafeString("-")


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """A version in a table."""

    row: Memory
    url: str
    owner: SafeString
    said: SafeString
    writer: SafeString


def view_memories(rows: Sequence[Memory], user_id: int | None) -> list[MemoryLine]:
    """Return versions as tables show them. Their steps, attempts and forgettings must be loaded."""
    shown = show_memories(rows, user_id)
    return [
        MemoryLine(row, memory_url(row.pk), link_owner(row), say(row, shown[row.pk]), link_writer(row))
        for row in rows
    ]


def link_owner(row: Memory) -> SafeString:
    """Return whose a memory is, with a way to the run."""
    if row.scope == MemoryScope.PROJECT:
        return SafeString("project")
    if row.scope == MemoryScope.RUN:
        return format_html('run <a href="{}">{}</a>', run_url(UUID(row.scope_id)), row.scope_id[:8])
    return format_html('{} <span class="rm-name">{}</span>', row.scope, mark_unseen(row.scope_id))


def say(row: Memory, shown: Shown) -> SafeString:
    """Return how a value begins, or why there is none."""
    if row.is_forgotten:
        return chip("cancelled", "forgotten")
    if shown.hidden or shown.value_json is None:
        return show_excerpt(f"Not shown: {shown.hidden}.")
    if len(shown.value_json) > _MOST_WORKED_OUT:
        return show_excerpt(f"{len(shown.value_json):,} characters")
    return show_excerpt(show_short(json.loads(shown.value_json)))


def link_writer(row: Memory) -> SafeString:
    """Return who wrote a version: an agent in a step, with the way there, or a person."""
    if row.step is None or row.run_id is None:
        return mark_unseen(row.person_name)
    attempt = "" if row.attempt is None else row.attempt.number
    return format_html(
        '{}<br><a class="rm-nowrap" href="{}#attempt-{}">{} #{}</a>',
        mark_unseen(row.attempt.agent if row.attempt else row.step.agent),
        step_url(row.run_id, row.step.key),
        attempt,
        row.step.key,
        attempt,
    )


def show_names(names: Sequence[str]) -> SafeString:
    """Return whom something is about."""
    return mark_unseen(", ".join(names)) if names else _DASH
