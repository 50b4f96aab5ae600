"""What the team learned: an answer that was given once, as a memory of the project; which may be kept. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agents import Hit
from examples.desk_team.reading import list_words, measure_cover

ENOUGH: Final = 0.75
"""So much of what a note is about must stand in a question, or it does not answer it."""
_PERSONAL: Final = re.compile(r"\bR-[0-9]{4}\b|@|\+?[0-9][0-9 /-]{7,}[0-9]")
_ONCE: Final = re.compile(r"(?i)\b(?:exception|just this once|only for you|just for you)\b")


def name_note(topic: str, about: str) -> str:
    """Return the key of the memory for an answer."""
    return f"answer/{topic}/{about}"


def write_note(answered: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return key and value of the note that an answer is worth.

    A specialist names what it is about; what a person said is about the words of the question.
    """
    question = answered["question"]
    digest = hashlib.sha256(question.encode()).hexdigest()[:8]
    note = {
        "topic": answered["topic"],
        "question": question,
        "text": answered["text"],
        "all_of": answered["all_of"] or [[word] for word in list_words(question)],
        "by": answered["by"],
    }
    return name_note(answered["topic"], answered["about"] or digest), note


def find_doubts(note: Mapping[str, Any], customer: str) -> list[str]:
    """Return why a note must not be kept without a person, none if it may."""
    doubts = []
    if _PERSONAL.search(note["text"]) or customer.casefold() in note["text"].casefold().split():
        doubts.append("it says something of one customer; others would read it")
    if _ONCE.search(note["text"]):
        doubts.append("it is an exception for one customer; others would expect it")
    return doubts


def choose_note(hits: Iterable[Hit], topic: str, question: str) -> Hit | None:
    """Return the memory that answers a question: of its topic, not withdrawn, and about what it asks."""
    fitting = [
        (measure_cover(hit.value["all_of"], question), hit)
        for hit in hits
        if hit.key.startswith(f"answer/{topic}/") and "text" in hit.value
    ]
    best = max(fitting, key=lambda pair: pair[0], default=(0.0, None))
    return best[1] if best[0] >= ENOUGH else None
