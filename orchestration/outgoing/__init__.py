"""What an accepted answer sends: messages, and what is kept of an answer until somebody accepts it.

A room of its own beside the engine: `SENT` is how messages are written with the end of an attempt, `PENDING` how an
answer that verifiers or a person must accept first keeps what it would do: send, and remember. Read next:
`orchestration/actors/`, `orchestration/holds/pending.py`.
"""

from typing import Final

from orchestration.domain.effects import Effect

__all__ = ["EMBEDDED", "PENDING", "SENT"]

_MESSAGE = {
    "project_id": "bigint",
    "kind": "text",
    "topic_id": "bigint",
    "schema_version": "integer",
    "sender": "text",
    "sender_actor_id": "bigint",
    "attempt": "integer",
    "to_name": "text",
    "to_key": "text",
    "answers_id": "bigint",
    "key": "text",
    "body_json": "text",
    "digest": "text",
    "hops": "integer",
    "chain": "text[]",
    "requested_by_id": "bigint",
}
_COLUMNS = ", ".join(_MESSAGE)
SENT = Effect(
    "sent",
    {**_MESSAGE, "in_seconds": "double precision", "due_at": "timestamptz", "n": "integer"},
    f"INSERT INTO orchestration_message ({_COLUMNS}, run_id, step_id, due_at, sent_at) "
    f"SELECT {', '.join(f'e.{name}' for name in _MESSAGE)}, d.run_id, d.id, "
    "coalesce(e.due_at, d.now + make_interval(secs => e.in_seconds)), d.now",
    # In the order in which the agent said them: of one sender the ids tell it. A reminder of that name and time, or
    # another answer, is there already.
    tail="ORDER BY e.n ON CONFLICT DO NOTHING",
)
"""The messages of an attempt whose answer is accepted."""
PENDING = Effect(
    "pending",
    {"revision": "integer", "attempt": "integer", "effects_json": "text", "remembers": "boolean"},
    "INSERT INTO orchestration_pendingeffects (step_id, run_id, attempt, revision, effects_json, at, remembers) "
    "SELECT d.id, d.run_id, e.attempt, e.revision, e.effects_json, d.now, coalesce(e.remembers, false)",
)
"""What an answer would do that somebody must accept first."""
EMBEDDED: Final = "embedded"
"""Beside the lines of its effects: vectors of what it would remember."""
