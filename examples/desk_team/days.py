"""Days of messages: read from a file, sent as a mail server would, watched until nothing moves without a person."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from django.db.models import Q, Value
from django.db.models.functions import Now

from agents.domain.addresses import is_key
from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from examples.desk_team.case import MOST_TEXT
from examples.desk_team.errors import DaysUnreadable
from examples.desk_team.handbook import DATA_DIR
from examples.desk_team.reading import TOPICS
from examples.desk_team.workflows import ANSWERED, NEWS
from orchestration import actors
from orchestration.domain.mail import DeliveryState
from orchestration.domain.states import RunStatus
from orchestration.models import Delivery, Message, Run, Topic
from orchestration.selectors.progress import with_state

DAYS_FILE: Final = DATA_DIR / "days.jsonl"
FIRST_DAY: Final = date(2026, 3, 2)
_TEAM: Final = "team."
_POLL_SECONDS: Final = 0.1
_MOST_DAYS: Final = 1_000
_MOST_NAME: Final = 80
_NEEDED: Final = {"news": ("news", "topic", "text"), "mail": ("message_id", "customer", "text")}


@dataclass(frozen=True, slots=True)
class Day:
    """What comes on one day, news first."""

    number: int
    news: tuple[Mapping[str, Any], ...]
    mails: tuple[Mapping[str, Any], ...]

    def date(self, first: date) -> str:
        """Return its date where the first day is that one."""
        return (first + timedelta(days=self.number - 1)).isoformat()


def read_days(path: Path = DAYS_FILE) -> list[Day]:
    """Return the days of a file: a JSON object a line, of `day` and a mail or news.

    Raises: DaysUnreadable: it can't be read, or a line is none; names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DaysUnreadable(f"{path} can't be read: {error}") from error
    lines = [
        _read_line(path, number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()
    ]
    if not lines:
        raise DaysUnreadable(f"{path} has no line")
    return [
        Day(
            number,
            tuple(each for each in lines if each["day"] == number and "news" in each),
            tuple(each for each in lines if each["day"] == number and "news" not in each),
        )
        for number in sorted({each["day"] for each in lines})
    ]


def _read_line(path: Path, number: int, line: str) -> Mapping[str, Any]:
    where = f"{path}, line {number}"
    try:
        said = read_json(line)
    except UnreadableJson as error:
        raise DaysUnreadable(f"{where}: no JSON: {error}") from error
    if not isinstance(said, dict) or said.get("day") not in range(1, _MOST_DAYS + 1):
        raise DaysUnreadable(f'{where}: day: write an object with "day": a number from 1 to {_MOST_DAYS:,}')
    for name in _NEEDED["news" if "news" in said else "mail"]:
        most = MOST_TEXT if name == "text" else _MOST_NAME
        if not isinstance(said.get(name), str) or not 0 < len(said[name].strip()) <= most:
            raise DaysUnreadable(f"{where}: {name}: must be text of 1 to {most:,} characters")
    if "news" not in said and not is_key(said["customer"]):
        raise DaysUnreadable(f"{where}: customer: must be printable text without '/', to be a desk's key")
    if "news" in said and said["topic"] not in TOPICS:
        raise DaysUnreadable(f"{where}: topic: must be one of {', '.join(TOPICS)}")
    return said


def is_published() -> bool:
    """Tell whether what the team talks about is known in the project: its workflows are published with its topics."""
    names = {ANSWERED.name, NEWS.name}
    known = Topic.objects.filter(project__slug="default", name__in=names).values_list("name", flat=True)
    return set(known) == names


def send_news(day: Day, first: date) -> None:
    """Publish a day's news; once more it changes nothing."""
    for each in day.news:
        body = {"topic": each["topic"], "about": each["news"], "text": each["text"]}
        key = f"{day.date(first)}:{each['news']}"
        actors.publish("shop.news", body, idempotency_key=key, through="feed")


def send_mails(day: Day, first: date, day_seconds: float) -> None:
    """Send a day's mails, each to its customer's desk; once more it changes nothing."""
    for each in day.mails:
        body = {
            "message_id": f"{day.date(first)}:{each['message_id']}",
            "day": day.date(first),
            "text": each["text"],
            "day_seconds": day_seconds,
        }
        actors.send(f"team.desk/{each['customer']}", body, idempotency_key=body["message_id"], through="feed")


def wait_until_quiet(seconds: float, *, at_least: float = 0) -> bool:
    """Wait until nothing of the team moves without a person; False: it still does after so many seconds.

    Args: at_least: how long a day is; reminders that are due within it come.
    """
    begun, deadline = time.monotonic(), time.monotonic() + seconds
    while time.monotonic() - begun < at_least or not is_quiet():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def is_quiet() -> bool:
    """Tell whether nothing of the team moves without a person: nothing to route, no mail to be read, no turn at work.

    One statement: between two, what moves could be where neither looks.
    """
    due = Q(due_at=None) | Q(due_at__lte=Now())
    ours = Q(to_name__startswith=_TEAM) | Q(sender__startswith=_TEAM) | Q(topic__name="shop.news")
    unrouted = Message.objects.filter(due, ours, routed_at=None)
    turns = Run.objects.filter(actor__name__startswith=_TEAM)
    at_work = with_state(turns.filter(status=RunStatus.RUNNING)).filter(state=RunStatus.RUNNING)
    # Who is held keeps its mailbox waiting, where its behaviour does not let the next turn begin.
    held = turns.filter(status=RunStatus.RUNNING, is_parked=False, workflow__parks=False)
    queued = Delivery.objects.filter(state=DeliveryState.QUEUED, actor__name__startswith=_TEAM)
    moving = (unrouted, turns.filter(untold=True), at_work, queued.exclude(actor__in=held.values("actor")))
    first, *others = (each.order_by().annotate(one=Value(1)).values("one") for each in moving)
    return not first.union(*others, all=True).exists()
