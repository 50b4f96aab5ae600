"""What an agent sends: messages, kept until its answer is accepted, and written with it. Pure.

Who sends them: `orchestration/executor/sending.py`. A try that fails, is refused or suspends sends nothing of its own;
the one whose answer is accepted sends all that it said.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from agents.domain.addresses import Address, is_actor_name, read_address
from agents.domain.canonical import canonical_json
from agents.errors import MessageRefused, UnreadableOutput

MOST_BODY_BYTES: Final = 65_536
MOST_LETTERS: Final = 1_000
MOST_REMINDER: Final = 100


class MessageKind(StrEnum):
    """How a message came to be: sent to one, published to a topic, an answer to one that asked, or a reminder."""

    DIRECT = "direct"
    TOPIC = "topic"
    ASK = "ask"
    REPLY = "reply"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as an actor's turn sees it.

    Attributes: sender: an address, `user:<name>`, `workflow:<name>` or `code`.  topic: that it was published to.
        asks: somebody waits for an answer: the turn's output, unless `task.reply` gives another.
        sent_at: ISO 8601, UTC.
    """

    id: int
    kind: str
    body: Any
    sender: str
    topic: str | None
    asks: bool
    sent_at: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A message before it is sent. `body_json`: canonical. `answers`: the message that it replies to."""

    kind: MessageKind
    body_json: str
    to: Address | None = None
    topic: str = ""
    answers: int | None = None
    key: str | None = None
    in_seconds: float | None = None
    at: datetime | None = None


class Outbox:
    """What one attempt wants to send, in order. Any thread of it may add."""

    def __init__(self) -> None:
        self._letters: list[Letter] = []
        self._answered: set[int] = set()
        self._lock = threading.Lock()

    def __deepcopy__(self, _memo: object) -> Outbox:
        """A copy of a task sends by the same hand."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """What is added in another process stays there: an agent sends from its own."""
        return Outbox, ()

    @property
    def letters(self) -> tuple[Letter, ...]:
        """Return what it holds."""
        with self._lock:
            return tuple(self._letters)

    def send(self, to: str, body: Any) -> None:
        """Add a message to one actor."""
        address = read_address(to)
        self._add(Letter(MessageKind.DIRECT, write_body("task.send", body), to=address))

    def publish(self, topic: str, body: Any) -> None:
        """Add a message to a topic."""
        self._add(Letter(MessageKind.TOPIC, write_body("task.publish", body), topic=check_topic(topic)))

    def reply(self, message: Message | int, body: Any, asked: Mapping[int, Message]) -> None:
        """Add the answer to a message that asks."""
        number = message.id if isinstance(message, Message) else message
        found = asked.get(number)
        if found is None or not found.asks:
            raise MessageRefused(
                f"task.reply: {number!r:.40} is no message of this turn that asks; reply to one whose `asks` is true"
            )
        letter = Letter(MessageKind.REPLY, write_body("task.reply", body), answers=number)
        with self._lock:
            if number in self._answered:
                raise MessageRefused(
                    f"task.reply: message {number} was replied to already; one answer counts"
                )
            self._answered.add(number)
        self._add(letter)

    def remind(
        self, to: Address | None, name: object, body: Any, in_seconds: float | None, at: datetime | None
    ) -> None:
        """Add a message to the actor itself, for later."""
        if to is None:
            raise MessageRefused(
                "task.remind: only a turn of an actor has somebody to remind; use task.sleep"
            )
        if (
            not isinstance(name, str)
            or not name.strip()
            or len(name) > MOST_REMINDER
            or not name.isprintable()
        ):
            raise MessageRefused(f"task.remind: name must be 1 to {MOST_REMINDER} printable characters")
        if (in_seconds is None) == (at is None):
            raise MessageRefused("task.remind: give either in_seconds= or at=")
        text = write_body("task.remind", {"reminder": name, "body": body})
        self._add(Letter(MessageKind.TIMER, text, to=to, key=name, in_seconds=in_seconds, at=at))

    def _add(self, letter: Letter) -> None:
        with self._lock:
            if len(self._letters) >= MOST_LETTERS:
                raise MessageRefused(
                    f"an attempt may send at most {MOST_LETTERS:,} messages; publish one to a topic instead"
                )
            self._letters.append(letter)


def check_topic(topic: object) -> str:
    """Return the name of a topic.

    Raises: MessageRefused: it can be none.
    """
    if is_actor_name(topic):
        return str(topic)
    raise MessageRefused(
        f"topic: {topic!r:.120} is no name; write dotted lower-case identifiers, as 'case.updated'"
    )


def write_body(where: str, body: Any) -> str:
    """Return the body of a message as canonical JSON.

    Raises: MessageRefused: it is no JSON, or too large.
    """
    try:
        return canonical_json(body, max_bytes=MOST_BODY_BYTES)
    except UnreadableOutput as error:
        raise MessageRefused(f"{where}: body{error.path}: {error.reason}") from error


def read_messages(run_input: Any) -> tuple[Message, ...]:
    """Return the batch of a turn from its run's input."""
    return tuple(
        Message(
            each["id"], each["kind"], each["body"], each["from"], each["topic"], each["asks"], each["sent_at"]
        )
        for each in run_input["messages"]
    )
