"""The desk team's pure parts: what a message says, what may be remembered, how days are counted."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agents import Hit
from agents.domain.notebook import MemoryScope
from examples.desk_team.case import Case
from examples.desk_team.handbook import open_handbook
from examples.desk_team.measure import count_days, tell_days
from examples.desk_team.notes import choose_note, find_doubts, write_note
from examples.desk_team.reading import TOPICS, measure_cover, read


def _hit(key: str, **value: Any) -> Hit:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return Hit(MemoryScope.PROJECT, key, value, 1, now, None, "", None, "", "", "0")


@pytest.mark.parametrize(
    ("text", "topic", "order", "is_own"),
    [
        ("Where is my order R-2104?", "delivery", "R-2104", True),
        ("And my parcel?", "delivery", None, True),
        ("How do I track a parcel?", "delivery", None, False),
        ("How long may I return a helmet?", "returns", None, False),
        ("What does R-21 cost?", "other", None, False),
        ("", "other", None, False),
    ],
)
def test_topic_and_order(text: str, topic: str, order: str | None, is_own: bool) -> None:
    reading = read(text)
    assert (reading.topic, reading.order, reading.is_own_order) == (topic, order, is_own)


def test_wishes_are_no_part_of_the_question() -> None:
    reading = read("Please call me kit and keep it short. Is the workshop open?")
    assert (reading.question, reading.name, reading.is_short) == ("Is the workshop open?", "Kit", True)
    alone = read("Call me Kit.")
    assert (alone.question, alone.name) == ("Call me Kit.", "Kit")


def test_each_entry_of_the_handbook_is_found_by_its_own_words() -> None:
    handbook = open_handbook()
    assert set(handbook.entries) <= set(TOPICS)
    for topic, entries in handbook.entries.items():
        for entry in entries:
            question = " ".join(group[0] for group in entry.all_of)
            assert handbook.advise(topic, question, {}) == entry
    assert handbook.advise("returns", "How long may I return shoes?", {}) is None


def test_a_note_answers_what_it_is_about_and_nothing_else() -> None:
    about = [["helmet"], ["return", "back"]]
    notes = [
        _hit("answer/returns/helmet-return", all_of=about, text="14 days"),
        _hit("answer/returns/gone", withdrawn="30 days"),
        _hit("customer/7", tone="short"),
    ]
    found = choose_note(notes, "returns", "May helmets be brought back?")
    assert found is notes[0]
    assert choose_note(notes, "returns", "May shoes be brought back?") is None
    assert choose_note(notes, "workshop", "May helmets be brought back?") is None
    assert choose_note([], "returns", "May helmets be brought back?") is None


def test_what_a_person_said_is_about_the_words_of_the_question() -> None:
    said = {"topic": "returns", "question": "Do you take old bikes?", "text": "Yes.", "by": "person"}
    key, note = write_note({**said, "about": "", "all_of": []})
    assert key.startswith("answer/returns/")
    assert note["all_of"] == [["take"], ["old"], ["bikes"]]
    assert measure_cover(note["all_of"], "You take old bikes?") == 1
    assert measure_cover([], "anything") == 0


@pytest.mark.parametrize(
    ("text", "doubts"),
    [
        ("Helmets may be returned within 30 days.", 0),
        ("Your order R-2104 is late.", 1),
        ("Write to ada@example.org.", 1),
        ("Call +49 30 1234567 for that.", 1),
        ("Dear kit it is fine", 1),
        ("As an exception, for R-2104.", 2),
    ],
)
def test_what_others_should_not_read_is_doubted(text: str, doubts: int) -> None:
    assert len(find_doubts({"text": text}, "kit")) == doubts


def test_texts_are_as_the_customer_likes_them() -> None:
    text = "It is open. Come before noon."
    assert Case().address(text) == text
    assert Case(name="Kit", is_short=True).address(text) == "Hello Kit. It is open."
    assert Case(is_short=True).address("It is open.") == "It is open."


def test_days_are_counted_by_first_answers() -> None:
    said: list[dict[str, Any]] = [
        {"day": "2026-03-03", "by": "memory", "used": ["answer"]},
        {"day": "2026-03-02", "by": "handed", "used": []},
        {"day": "2026-03-02", "by": "person", "used": []},
        {"day": "2026-03-03", "by": "specialist"},
    ]
    days = count_days(said)
    assert [(day.day, day.messages, day.share, day.used) for day in days] == [
        ("2026-03-02", 1, 0.0, 0),
        ("2026-03-03", 2, 0.5, 1),
    ]
    assert list(tell_days(days))[-1] == (
        "Answered without asking anybody: 0% on the first day, 50% on the last."
    )
    assert len(list(tell_days(days[:1]))) == 2
