from typing import Any

import pytest

from examples.support.data_files import read_data
from examples.support.facts import Findings, find_facts
from examples.support.reading import Matter
from examples.support.situation import Situation
from examples.support.writing import Doubt, Draft, describe, weigh, write_draft
from tests.unit.support.builders import matter, order, situation

ALL_WELL = Findings("policy")


def _write(now: Situation, about: Matter, doubts: list[Doubt] | None = None) -> Draft:
    findings = find_facts(about.intent, now)
    return write_draft(now, about, findings, doubts or [], (read_data("replies"), read_data("policy")))


def _doubts(now: Situation, about: Matter, findings: Findings = ALL_WELL, **changes: Any) -> list[str]:
    words: dict[str, Any] = {"language": "en", "is_suspicious": False} | changes
    return [doubt.name for doubt in weigh(now, about, findings, **words)]


def test_a_reply_has_name_facts_and_sign_off() -> None:
    draft = _write(situation("x", order()), matter())
    assert draft.subject == "Your order #R1001"
    assert draft.body == (
        "Dear Mira,\n\nYour order #R1001 (Desk Lamp) is on its way to you. The tracking number is RM1. "
        "Standard delivery normally takes 3 to 5 working days from dispatch.\n\nYour team at Fernhill Goods"
    )


def test_an_upset_customer_gets_an_apology_first() -> None:
    assert (
        "\n\nWe are sorry for the trouble. Your order"
        in _write(situation("x", order(), is_upset=True), matter()).body
    )


def test_a_suspicion_is_not_answered() -> None:
    draft = _write(situation("x", order()), matter("order_status", 0.4))
    assert draft.subject == "Your message"
    assert "A colleague will read it" in draft.body
    assert "#R1001" not in draft.body


def test_the_confidence_is_the_clarity_times_every_doubt() -> None:
    draft = _write(
        situation("x", order()), matter(confidence=0.9), [Doubt("a", 0.5, ""), Doubt("b", 0.5, "")]
    )
    assert draft.confidence == 0.225


def test_nothing_speaks_against_a_clear_message_with_all_facts() -> None:
    assert _doubts(situation(), matter()) == []


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("unclear", {"about": matter("order_status", 0.7)}),
        ("several matters", {"about": matter("order_status", 0.95, "invoice")}),
        ("language", {"about": matter(), "language": "de"}),
        ("suspicious", {"about": matter(), "is_suspicious": True}),
        ("missing fact", {"about": matter(), "findings": Findings("x", missing=("the day",))}),
        ("needs a person", {"about": matter(), "findings": Findings("x", needs_person="why")}),
    ],
)
def test_each_doubt_is_named(expected: str, arguments: dict[str, Any]) -> None:
    assert _doubts(situation(), **arguments) == [expected]


def test_doubts_about_the_sender_are_named() -> None:
    assert _doubts(situation(customer=None), matter()) == ["unknown sender"]
    assert _doubts(situation(is_furious=True), matter()) == ["very upset"]
    assert _doubts(situation("where is #R9999"), matter()) == ["foreign order"]


def test_every_doubt_but_unclear_ends_below_the_bound() -> None:
    worst = weigh(
        situation("where is #R9999", customer=None, is_furious=True),
        matter("order_status", 1.0, "invoice"),
        Findings("x", missing=("a",), needs_person="b"),
        "de",
        is_suspicious=True,
    )
    assert len(worst) == 8
    assert all(doubt.factor < 0.85 for doubt in worst)


def test_the_output_is_flat_and_addressed_to_the_sender() -> None:
    now = situation("x", order())
    output = describe(_write(now, matter(), [Doubt("a", 0.5, "Because.")]), now, matter(), "en")
    assert (output["recipient"], output["email"]) == ("mira", "mira@example.org")
    assert output["doubts"] == ["Because."]
    assert output["facts"]["tracking"] == "RM1"


def test_a_stranger_has_no_address() -> None:
    now = situation(customer=None)
    assert describe(_write(now, matter()), now, matter(), "en")["email"] == ""
