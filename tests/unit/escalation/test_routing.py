import json
from typing import Any

import pytest

from escalation.domain.routing import (
    Contents,
    ExpressionUnusable,
    Facts,
    Rule,
    find_expression_fault,
    find_route,
    join_notes,
)

FACTS = Facts("refunds", "draft", "writer@2", "low_confidence", 0.5)


def _contents(given: Any = None, proposal: Any = None) -> Contents:
    return Contents(json.dumps(given or {"amount": 1200}), json.dumps(proposal or {"tone": "kind"}))


def _matches(rule: Rule, facts: Facts = FACTS) -> bool:
    return find_route([rule], facts, _contents()).rule is rule


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"workflow": "refunds"}, True),
        ({"workflow": "orders"}, False),
        ({"step": "draft"}, True),
        ({"step": "send"}, False),
        ({"agent": "writer@2"}, True),
        ({"agent": "writer"}, True),
        ({"agent": "writer@1"}, False),
        ({"agent": "write"}, False),
        ({"rule": "low_confidence"}, True),
        ({"rule": "human_step"}, False),
        ({"confidence_from": 0.5}, True),
        ({"confidence_from": 0.51}, False),
        ({"confidence_to": 0.5}, False),
        ({"confidence_to": 0.51}, True),
        ({"confidence_from": 0.4, "confidence_to": 0.6}, True),
        ({"expression": "input.amount > 1000"}, True),
        ({"expression": "input.amount > 2000"}, False),
        ({"expression": "proposal.tone == 'kind' && input.amount == 1200"}, True),
        ({"workflow": "refunds", "step": "send"}, False),
    ],
)
def test_a_rule_matches_what_it_names_and_all_that_it_leaves_open(
    asked: dict[str, Any], *, fits: bool
) -> None:
    assert _matches(Rule("1", 7, **asked)) is fits


def test_full_confidence_is_within_a_range_that_ends_with_it() -> None:
    sure = Facts("refunds", "draft", "writer", "sample", 1.0)

    assert _matches(Rule("1", 7, confidence_from=0.9, confidence_to=1.0), sure)
    assert not _matches(Rule("1", 7, confidence_to=0.0), sure)


def test_a_range_asks_for_a_stated_confidence() -> None:
    unsaid = Facts("refunds", "draft", "writer", "agent_failed", None)

    assert not _matches(Rule("1", 7, confidence_from=0.0), unsaid)
    assert _matches(Rule("1", 7), unsaid)


@pytest.mark.parametrize("key", ["draft", "draft[3]", "draft~2"])
def test_a_steps_items_and_later_rounds_are_that_step(key: str) -> None:
    assert _matches(Rule("1", 7, step="draft"), Facts("refunds", key, "writer", "low_confidence", 0.5))


def test_the_first_that_matches_wins() -> None:
    rules = [Rule("1", 1, workflow="orders"), Rule("2", 2), Rule("3", 3)]

    assert find_route(rules, FACTS, _contents()).rule is rules[1]


def test_none_matches() -> None:
    route = find_route([Rule("1", 1, workflow="orders")], FACTS, _contents())

    assert (route.rule, route.notes) == (None, ())


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("1", 7, expression="input.absent > 1"), "no such key"),
        (Rule("1", 7, expression="input.amount"), "neither true nor false"),
        (Rule("1", 7, expression="input.amount > 'a'"), "input.amount"),
        (Rule("1", 7, expression="input.(("), "input.(("),
        (Rule("1", 7, expression="steps.other == 1"), "unknown name"),
        (Rule("1", 7, expression='"' + "x" * 20_000), "characters"),
        (Rule("1", None), "its queue is gone"),
        (Rule("1", None, expression="input.amount > 1000"), "its queue is gone"),
    ],
)
def test_a_rule_that_cannot_be_used_is_passed_over_and_told(rule: Rule, why: str) -> None:
    last = Rule("2", 9)

    route = find_route([rule, last], FACTS, _contents())

    assert route.rule is last
    (note,) = route.notes
    assert note.startswith("Routing rule 1 was passed over: ")
    assert why in note


def test_an_expression_that_says_no_leaves_no_note() -> None:
    assert find_route([Rule("1", None, expression="false")], FACTS, _contents()).notes == ()


def test_too_much_work_is_no_match() -> None:
    many = {"amount": 1, "lines": list(range(2_000))}
    dear = Rule("1", 7, expression="input.lines.all(i, input.lines.exists(j, i == j))")

    route = find_route([dear], FACTS, _contents(many))

    assert route.rule is None
    assert "too much work" in route.notes[0]


def test_the_time_for_all_expressions_of_a_ticket_is_bounded() -> None:
    ticks = iter(range(100))
    contents = Contents("{}", "null", seconds=1.5, clock=lambda: float(next(ticks)))

    assert contents.evaluate("true") is True
    assert contents.evaluate("true") is True
    with pytest.raises(ExpressionUnusable, match="no time was left"):
        contents.evaluate("true")


def test_contents_are_read_only_if_an_expression_asks() -> None:
    unreadable = Contents("no json", "no json")

    assert find_route([Rule("1", 7, workflow="refunds")], FACTS, unreadable).rule is not None


def test_notes_are_bounded() -> None:
    assert join_notes(["one.", "two."]) == "one. two."
    assert len(join_notes(["x" * 600] * 200)) == 1_000


def test_the_text_of_an_expression_is_judged_before_it_is_saved() -> None:
    assert find_expression_fault("input.amount > 1 && has(proposal.tone)") is None
    assert "input and proposal" in (find_expression_fault("input.amount >") or "")
    assert "unknown name 'steps'" in (find_expression_fault("steps.a == 1") or "")
