"""A signal that came to a run: kept with a line in the history, whether anybody waits for it yet or not."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from orchestration.database.statements import fetch_one
from orchestration.history import EventKind, insert_event

_SEND: Final = f"""
WITH sent AS (
    INSERT INTO orchestration_signal
        (run_id, name, key, step_key, value_json, value_digest, sent_by_id, sender, sent_at)
    VALUES (%(run)s, %(name)s, %(key)s, %(step_key)s, %(value)s, %(digest)s, %(sent_by)s, %(sender)s,
        clock_timestamp())
    RETURNING id AS signal_id, run_id AS id
), told AS (
    {insert_event(EventKind.SIGNAL_RECEIVED, source="sent", data="%(event)s::text", of_run=True)}
)
SELECT signal_id FROM sent
"""


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A signal as it is written.

    Attributes: key: None: each is another.  step_key: whom it is for; "": whoever waits.  value_json: canonical JSON.
        sent_by: id of the account, if one sent it.  sender: by which way it came, in words.
        event_json: of the history's line.
    """

    run_id: UUID
    name: str
    key: str | None
    step_key: str
    value_json: str
    value_digest: str
    sent_by: int | None
    sender: str
    event_json: str


def insert_signal(new: NewSignal) -> int:
    """Write a signal and return its id; the caller holds the run's row, and has looked whether it is live."""
    row = fetch_one(
        _SEND,
        {
            "run": new.run_id,
            "name": new.name,
            "key": new.key,
            "step_key": new.step_key,
            "value": new.value_json,
            "digest": new.value_digest,
            "sent_by": new.sent_by,
            "sender": new.sender,
            "event": new.event_json,
        },
    )
    return int(row.signal_id)
