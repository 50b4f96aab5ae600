"""What an answer would do that somebody must accept first."""

import json
from dataclasses import dataclass
from typing import Any

from agents.domain.outbox import MessageKind
from agents.domain.redaction import redact_json
from orchestration.models import PendingEffects, Topic
from orchestration.outgoing import SENT


def load_pending(step_id: int, revision: int) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of the effects that a revision of a step's work waits with, by name; none: {}."""
    rows = PendingEffects.objects.filter(step=step_id, revision=revision).order_by("-pk")
    effects_json = rows.values_list("effects_json", flat=True).first()
    return {} if effects_json is None else dict(json.loads(effects_json))


@dataclass(frozen=True, slots=True)
class PendingLetter:
    """A message that is sent once an answer is accepted as it stands.

    Attributes: words: where it goes.  body: without secrets.
    """

    words: str
    body: Any


def list_letters(step_id: int, revision: int) -> list[PendingLetter]:
    """Return the messages that a revision of a step's work waits with, in the order in which they would be sent."""
    lines = load_pending(step_id, revision).get(SENT.name, [])
    topics = Topic.objects.in_bulk({line["topic_id"] for line in lines if line.get("topic_id")})
    return [_describe(line, topics) for line in lines]


def _describe(line: dict[str, Any], topics: dict[int, Topic]) -> PendingLetter:
    body_json = redact_json(line["body_json"])
    topic = topics.get(line.get("topic_id") or 0)
    address = f"{line['to_name']}/{line['to_key']}"
    words = {
        MessageKind.TOPIC: f"to topic {topic}",
        MessageKind.REPLY: f"as the answer to message {line.get('answers_id')}",
        MessageKind.TIMER: f"as a reminder to {address}",
    }
    return PendingLetter(words.get(line["kind"], f"to {address}"), json.loads(body_json))
