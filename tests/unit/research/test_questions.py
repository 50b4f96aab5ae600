"""Questions are understood, and each gets as many researchers as it needs."""

import pytest

from examples.research.assignments import Assignment, assign, plan_researchers
from examples.research.library import open_library
from examples.research.reading import read_question


def _assign(question: str) -> Assignment:
    library = open_library()
    return assign(library, question, read_question(library, question))


@pytest.mark.parametrize(
    ("question", "subjects", "groups", "measures"),
    [
        ("What is the capacity of the wind park?", ["norhead-wind"], [], ["capacity"]),
        (
            "Where does the solar power come from, and at what cost per MWh?",
            ["saltmarsh-solar"],
            [],
            ["price"],
        ),
        ("Compare biogas and tidal power in land.", ["sound-tidal", "millbrook-biogas"], [], ["land"]),
        ("Which power source is the cheapest?", [], ["sources"], ["price"]),
        ("Which has the longest life?", [], ["storage"], ["life"]),
        ("Compare the sea cable with all storage by life.", ["sea-cable"], ["storage"], ["life"]),
        ("Who uses the most energy?", [], ["consumers"], ["energy"]),
        ("Why was the turbine late?", [], [], []),
    ],
)
def test_who_is_sent_for_what(
    question: str, subjects: list[str], groups: list[str], measures: list[str]
) -> None:
    assignment = _assign(question)
    assert [list(assignment.subjects), list(assignment.groups), list(assignment.measures)] == [
        subjects,
        groups,
        measures,
    ]


def test_a_member_of_a_group_that_is_asked_for_is_not_sent_for_twice() -> None:
    assert _assign("Compare the battery with all other storage in cost.").subjects == ()


def test_what_things_are_compared_by_is_chosen_from_what_the_documents_state() -> None:
    assert set(_assign("Compare the battery and the reservoir.").measures) == {
        "capacity",
        "storage",
        "cost",
        "life",
    }


def test_the_work_is_divided_as_the_question_needs() -> None:
    count = {
        question: [step.agent.partition(".")[2] for step in plan_researchers(_assign(question))]
        for question in (
            "Why was it late?",
            "Compare wind and solar.",
            "Compare wind power with all storage.",
        )
    }
    assert list(count.values()) == [["researcher"], ["researcher"] * 2, ["researcher", "lead"]]


def test_the_most_and_the_least_are_told_apart() -> None:
    assert (_assign("the smallest storage?").wanted, _assign("the largest storage?").wanted) == (
        "least",
        "most",
    )
