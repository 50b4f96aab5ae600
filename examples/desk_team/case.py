"""What a desk keeps of its customer from turn to turn, and how it writes to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from agents import Message
from examples.desk_team.errors import MailUnreadable
from examples.desk_team.reading import Reading

MOST_TEXT = 10_000
DAY_SECONDS = 86_400.0


class Case(BaseModel):
    """All that a desk knows of its customer beside what it wrote.

    Attributes: name: as they want to be called.  is_short: they like short answers.  order: the last they spoke of.
        open: questions that a person has, by the message's id.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    is_short: bool = False
    order: str | None = None
    open: dict[str, str] = Field(default_factory=dict)
    mails: int = 0

    def learn(self, reading: Reading) -> Self:
        """Return the case after a message."""
        return self.model_copy(
            update={
                "name": reading.name or self.name,
                "is_short": reading.is_short or self.is_short,
                "order": reading.order or self.order,
                "mails": self.mails + 1,
            }
        )

    def hand_over(self, mail_id: str, question: str) -> Self:
        """Return the case with a question that a person has."""
        return self.model_copy(update={"open": {**self.open, mail_id: question}})

    def close(self, mail_id: str) -> Self:
        """Return the case without it."""
        left = {key: question for key, question in self.open.items() if key != mail_id}
        return self.model_copy(update={"open": left})

    def list_used(self, reading: Reading) -> list[str]:
        """Return what an answer to a message uses that an earlier one said."""
        used = {
            "name": bool(self.name) and not reading.name,
            "tone": self.is_short and not reading.is_short,
            "order": reading.is_own_order and reading.order is None and self.order is not None,
        }
        return [what for what, is_used in used.items() if is_used]

    def address(self, text: str) -> str:
        """Return a text as this customer likes to be written to."""
        told = f"{text.partition('. ')[0].rstrip('.')}." if self.is_short else text
        return f"Hello {self.name}. {told}" if self.name else told


class Mail(BaseModel):
    """A customer's message. `day_seconds`: how long a day is; shorter where days are fed one after the other."""

    message_id: str = Field(default="", max_length=100)
    day: str = Field(default="", max_length=10)
    text: str = Field(min_length=1, max_length=MOST_TEXT)
    day_seconds: float = Field(default=DAY_SECONDS, ge=0, le=DAY_SECONDS)

    @classmethod
    def read(cls, message: Message) -> Self:
        """Return the mail of a message to a desk.

        Raises: MailUnreadable: it is none.
        """
        body = message.body
        if not isinstance(body, Mapping) or not isinstance(body.get("text"), str) or not body["text"].strip():
            raise MailUnreadable(
                f"message {message.id} from {message.sender}: send {{'text': ...}} to a desk"
            )
        said: dict[str, Any] = {"message_id": f"mail-{message.id}", "day": message.sent_at[:10], **body}
        return cls.model_validate(said)
