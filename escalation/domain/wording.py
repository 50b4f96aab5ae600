"""What a message says, in words that a tired reader understands at once. Pure; nothing in it is raw text of others.

Every text passes `spell_out`, whoever wrote it: what can't be seen, or turns the reading order, is written out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from escalation.domain.notices import Happening
from orchestration.domain.holds import HoldSubject
from orchestration.domain.visible import spell_out

MOST_CONTENT: Final = 2_000
_MOST_SUBJECT, _MOST_LINE = 150, 300
# `[U+10FFFF]`, of what can't be seen.
_LONGEST_SPELLING = 10


@dataclass(frozen=True, slots=True)
class About:
    """The ticket that is told about.

    Attributes: state: what became of it since, in words; "" while it waits.  content: what is judged, if the queue lets
        it leave the desk; "".  instead_of: who is absent, and would have been told.
    """

    number: int
    queue: str
    subject: HoldSubject
    workflow: str
    step: str
    due_at: datetime
    url: str
    question: str = ""
    instead_of: str = ""
    state: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is told, ready to be shown.

    Attributes: facts: (label, value).  url: plain, of the ticket's page; "": there is none.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    content: str = ""


def tell(happening: Happening, level: int, data: Mapping[str, Any], about: About | None) -> Item:
    """Return what is told."""
    title = _say(happening, level, data, f"ticket {about.number}" if about else "")
    if about is None:
        return Item(one_line(title))
    facts = (
        ("Review queue", about.queue),
        ("Question", about.question or _ask(about)),
        ("Due", f"{about.due_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Meanwhile", about.state),
        ("You stand in for", about.instead_of),
    )
    return Item(one_line(title), _list_facts(facts), about.url, spell_out(about.content[:MOST_CONTENT]))


def name_message(items: tuple[Item, ...]) -> str:
    """Return the subject of a message."""
    if len(items) == 1:
        return one_line(items[0].title, _MOST_SUBJECT)
    return (
        f"{len(items)} messages from the desk, the first: {items[0].title}"[:_MOST_SUBJECT] if items else ""
    )


def one_line(text: str, most: int = _MOST_LINE) -> str:
    """Return a text on one line, fit for a header; what can't be seen is spelled out."""
    line = " ".join(spell_out(" ".join(text.split())).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def both_ends(text: str, most: int = _MOST_LINE) -> str:
    """Return an error on one line. A long one loses its middle: what failed stands first, and the reason often last."""
    line = one_line(text, len(text) * _LONGEST_SPELLING + 1)
    if len(line) <= most:
        return line
    tail = (most - 3) // 2
    return f"{line[: most - 3 - tail].rstrip()} … {line[-tail:].lstrip()}"


def _list_facts(facts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((label, one_line(value)) for label, value in facts if value)


def _ask(about: About) -> str:
    if about.subject is HoldSubject.TASK:
        return f"Step {about.step} of {about.workflow} is for a person to do."
    return f"May what step {about.step} of {about.workflow} put out go on?"


def _say(happening: Happening, level: int, data: Mapping[str, Any], what: str) -> str:
    percent, clock = data.get("percent", 50), _CLOCKS.get(str(data.get("deadline", "")), "decision")
    of_level = f" (level {level})" if level else ""
    return {
        Happening.LEVEL: f"{'Still needs' if data.get('round') else 'Needs'} somebody{of_level}: {what}",
        Happening.BREACHED: f"Overdue for its {clock}: {what}",
        Happening.WARNED: f"{percent} % of the time for the {clock} is over: {what}",
        Happening.ASSIGNED: f"{data.get('by', 'A lead')} assigned to you: {what}",
        Happening.MENTIONED: f"You are mentioned at {what}",
        Happening.AUDIT: f"A sample of accepted work was refused: {what}",
        Happening.LEAD: f"Several people can't decide it, a lead has to: {what}",
        Happening.USED_UP: f"{_name_used_up(data)}; top it up, or end the run of {what}",
        Happening.TEST: "This is a test: messages from the desk reach you here",
    }[happening]


def _name_used_up(data: Mapping[str, Any]) -> str:
    """Return which budget is used up; that stops nothing, so whoever reads it learns what they can do."""
    whose = f"step {data['step']}" if data.get("step") else "its run"
    beyond = f", {data['beyond']} go beyond it" if data.get("beyond") else ""
    return f"People's time is used up ({data.get('limit', '')} for {whose}{beyond})"


_CLOCKS: Final = {"first_touch": "first look", "resolution": "decision"}
