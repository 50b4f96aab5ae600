"""What an answer would do that somebody must accept first."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef

from agents.domain.outbox import MessageKind
from agents.domain.redaction import redact_json
from orchestration.domain.states import AttemptOutcome
from orchestration.memory.writing import REMEMBERED
from orchestration.models import Attempt, PendingEffects, Topic
from orchestration.outgoing import EMBEDDED, SENT


@dataclass(frozen=True, slots=True)
class Pending:
    """What a revision of a step's work waits with.

    Attributes: effects: lines by the name of their effect.  embedded: vectors of what it would remember.
        attempt: the number of the one that answered so; 0: nothing waits.
    """

    effects: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    embedded: Sequence[Mapping[str, Any]] = ()
    attempt: int = 0


def load_pending(step_id: int, revision: int, *, locked: bool = False) -> Pending:
    """Return what a revision of a step's work waits with: of its latest answer, which may do nothing.

    Args: locked: until the transaction ends, so that nobody takes anything out of it.
    """
    later = Attempt.objects.filter(
        step=step_id, number__gt=OuterRef("attempt"), outcome=AttemptOutcome.ANSWERED
    )
    rows = PendingEffects.objects.filter(~Exists(later), step=step_id, revision=revision)
    rows = rows.select_for_update() if locked else rows
    found = rows.order_by("-pk").values_list("effects_json", "attempt").first()
    if found is None:
        return Pending()
    effects_json, attempt = found
    said = json.loads(effects_json)
    embedded = said.pop(EMBEDDED, ())
    # Of what is forgotten no line is left.
    return Pending({name: lines for name, lines in said.items() if lines}, embedded, attempt)


@dataclass(frozen=True, slots=True)
class PendingLine:
    """What is done once an answer is accepted as it stands: a message is sent, or something is remembered.

    Attributes: words: where it goes, or under which key and of whom.  value: what it says, without secrets.
    """

    words: str
    value: Any


def list_letters(pending: Pending) -> list[PendingLine]:
    """Return the messages that wait, in the order in which they would be sent."""
    lines = pending.effects.get(SENT.name, [])
    topics = Topic.objects.in_bulk({line["topic_id"] for line in lines if line.get("topic_id")})
    return [_describe(line, topics) for line in lines]


def list_notes(pending: Pending) -> list[PendingLine]:
    """Return what would be remembered."""
    return [_describe_note(line) for line in pending.effects.get(REMEMBERED.name, [])]


def _describe_note(line: Mapping[str, Any]) -> PendingLine:
    value_json = redact_json(line["value"])
    return PendingLine(f"{line['key']} ({line['scope']})", json.loads(value_json))


def _describe(line: Mapping[str, Any], topics: dict[int, Topic]) -> PendingLine:
    body_json = redact_json(line["body_json"])
    topic = topics.get(line.get("topic_id") or 0)
    address = f"{line['to_name']}/{line['to_key']}"
    words = {
        MessageKind.TOPIC: f"to topic {topic}",
        MessageKind.REPLY: f"as the answer to message {line.get('answers_id')}",
        MessageKind.TIMER: f"as a reminder to {address}",
    }
    return PendingLine(words.get(line["kind"], f"to {address}"), json.loads(body_json))
