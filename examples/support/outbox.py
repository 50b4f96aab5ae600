"""Sending: one row per idempotency key, however often a step is tried."""

from dataclasses import dataclass
from typing import Any, Final

from examples.support.models import OutboxMessage

FIELDS: Final = ("recipient", "email", "subject", "body")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as the steps before hand it over.

    Raises:
        ValueError: a field is missing or empty; names it.
    """

    recipient: str
    subject: str
    body: str
    email: str = ""

    def __post_init__(self) -> None:
        """Refuse what can't be sent: an edited draft may lack anything."""
        for name in ("recipient", "subject", "body"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"reply.{name} is {value!r}: give a text that is not empty")


def send(reply: Reply, *, idempotency_key: str, run_id: str) -> dict[str, Any]:
    """Write the message, or find the one that this key wrote before."""
    message, _ = OutboxMessage.objects.get_or_create(
        idempotency_key=idempotency_key,
        defaults={
            "run_id": run_id,
            "recipient": reply.recipient,
            "email": reply.email,
            "subject": reply.subject,
            "body": reply.body,
        },
    )
    return {"outbox_id": message.pk, "recipient": message.recipient, "subject": message.subject}


def read_reply(data: Any) -> Reply:
    """Build a reply from a hand-off.

    Raises:
        ValueError: not an object, or a field is missing, unknown or empty; names it.
    """
    if not isinstance(data, dict):
        # What a reviewer typed is wrong: bad input, which the engine knows by ValueError.
        raise ValueError(  # noqa: TRY004
            f"reply is a {type(data).__name__}: give an object with recipient, subject and body"
        )
    unknown = sorted(set(data) - set(FIELDS))
    if unknown:
        raise ValueError(f"reply.{unknown[0]} is not known: give recipient, email, subject and body")
    return Reply(
        recipient=data.get("recipient", ""),
        email=data.get("email", ""),
        subject=data.get("subject", ""),
        body=data.get("body", ""),
    )
