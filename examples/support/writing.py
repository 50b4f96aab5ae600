"""The offline writer: a reply from templates and facts, and an honest word on how sure it is. Pure.

The confidence is a product: how clear the matter is, times a factor for everything that speaks against
sending the reply unread. Each factor below 1 leaves its reason for the reviewer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from examples.support import matching
from examples.support.facts import Facts, Findings
from examples.support.intents import MIN_CONFIDENCE
from examples.support.reading import Matter
from examples.support.situation import Situation

Replies = Mapping[str, Mapping[str, str]]
Policy = Mapping[str, Any]

_UNCLEAR: Final = "unclear"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that speaks against sending unread: a factor of the confidence, and why."""

    name: str
    factor: float
    reason: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed reply and what it rests on."""

    subject: str
    body: str
    facts: Facts
    confidence: float
    doubts: tuple[Doubt, ...]


def write_draft(
    situation: Situation,
    matter: Matter,
    findings: Findings,
    doubts: list[Doubt],
    texts: tuple[Replies, Policy],
) -> Draft:
    """Compose the reply.

    Args:
        situation: what the desk knows.
        matter: what the message is about.
        findings: what may be stated about it.
        doubts: see `weigh`.
        texts: the reply templates and the shop's policy.
    """
    replies, policy = texts
    template = _pick_template(replies, matter, findings)
    known = {name: str(value) for name, value in policy.items()} | findings.facts
    confidence = matter.confidence
    for doubt in doubts:
        confidence *= doubt.factor
    return Draft(
        subject=_write_subject(matter, findings),
        body=_wrap(situation, template.format_map(known), str(policy["shop"])),
        facts=findings.facts,
        confidence=round(confidence, 4),
        doubts=tuple(doubts),
    )


def weigh(
    situation: Situation, matter: Matter, findings: Findings, language: str, *, is_suspicious: bool
) -> list[Doubt]:
    """Return what speaks against sending the reply without a person, nothing when all is well."""
    return [
        *_weigh_message(situation, matter, language, is_suspicious=is_suspicious),
        *_weigh_answer(situation, findings),
    ]


def _weigh_message(
    situation: Situation, matter: Matter, language: str, *, is_suspicious: bool
) -> Iterator[Doubt]:
    if matter.confidence < MIN_CONFIDENCE:
        topic = matter.intent.replace("_", " ")
        yield Doubt("unclear", 1.0, f"Only {matter.confidence:.0%} sure that the message is about: {topic}.")
    if matter.others:
        yield Doubt(
            "several matters", 0.6, f"The message also seems to be about: {', '.join(matter.others)}."
        )
    if language != "en":
        yield Doubt(
            "language", 0.3, f"The message seems to be written in {language!r}; this writer knows English."
        )
    if situation.customer is None:
        yield Doubt("unknown sender", 0.5, f"The shop does not know {situation.sender!r}.")
    if situation.is_furious:
        yield Doubt("very upset", 0.7, "The customer is very upset; a person's answer is better.")
    if is_suspicious:
        yield Doubt("suspicious", 0.1, "The message contains text that looks like instructions to a machine.")


def _weigh_answer(situation: Situation, findings: Findings) -> Iterator[Doubt]:
    for what in findings.missing:
        yield Doubt("missing fact", 0.5, f"Nobody knows {what}.")
    if findings.needs_person:
        yield Doubt("needs a person", 0.5, f"A reply is not enough: {findings.needs_person}.")
    if matching.names_foreign_order(situation):
        yield Doubt("foreign order", 0.4, "The message names an order that is not one of this customer's.")


def describe(draft: Draft, situation: Situation, matter: Matter, language: str) -> dict[str, Any]:
    """Return the draft as the step's output: what is sent, and what a reviewer wants to know.

    Flat: a reviewer edits the texts of an object as text.
    """
    customer = situation.customer
    return {
        "recipient": situation.sender,
        "email": customer.email if customer else "",
        "subject": draft.subject,
        "body": draft.body,
        "intent": matter.intent,
        "intent_confidence": matter.confidence,
        "language": language,
        "facts": draft.facts,
        "doubts": [doubt.reason for doubt in draft.doubts],
    }


def _pick_template(replies: Replies, matter: Matter, findings: Findings) -> str:
    """Return the reply that fits, or a word that somebody will answer: never a reply to a mere suspicion."""
    fitting = replies.get(matter.intent, {}).get(findings.variant) if matter.is_clear else None
    return fitting or replies[_UNCLEAR][_UNCLEAR]


def _write_subject(matter: Matter, findings: Findings) -> str:
    if not matter.is_clear:
        return "Your message"
    if "order" in findings.facts:
        return f"Your order {findings.facts['order']}"
    return f"Your message: {matter.intent.replace('_', ' ')}"


def _wrap(situation: Situation, text: str, shop: str) -> str:
    name = situation.customer.name if situation.customer else "customer"
    lead = "we are sorry for the trouble." if situation.is_upset and "sorry" not in text else ""
    body = " ".join(_capitalise(part) for part in (lead, text) if part)
    return f"Dear {name},\n\n{body}\n\nYour team at {shop}"


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
