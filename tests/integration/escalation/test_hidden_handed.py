"""What a restricted queue's step handed on as it stood is hidden there, too, and nothing that stands beside it is."""

import json
from dataclasses import replace

import pytest
from django.contrib.auth.models import Group, User

from agents import Result
from agents.invoke import override
from escalation.domain.inbox import InboxQuery
from escalation.models import BreachDeed, ReviewQueue, Ticket
from escalation.selectors.hidden import find_handed_hidden, find_hidden
from escalation.selectors.inbox import find_inbox
from escalation.watch import write_words
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Step
from orchestration.testing import drive
from tests.integration.escalation.buttons import button_of, sign_in, text_of
from tests.integration.escalation.desk import AGENTS, LETTER, hold
from tests.integration.escalation.restricted import SECRET, WITH_ROLE, approve, make_mia, read, restrict
from tests.people import make_member

pytestmark = pytest.mark.django_db

_LOOK = StepSpec("look", agent="test.doubter")
_EACH = WorkflowSpec(
    name="each",
    steps=(
        StepSpec("draft", agent="test.writer"),
        StepSpec("each", agent="test.doubter", after=("draft",), for_each="[steps.draft.body, 'b']"),
    ),
)
_OUTER = WorkflowSpec(
    name="outer",
    steps=(
        StepSpec("draft", agent="test.writer"),
        StepSpec("ask", workflow="inner", needs=("draft",), input={"letter": "steps.draft.body"}),
    ),
)


def _hold_inner(*steps: StepSpec) -> tuple[Ticket, list[Ticket]]:
    """Hold a run that was given what a restricted queue's ticket asked about; return that ticket and the run's."""
    with override(AGENTS), mute_dispatch():
        runs.publish(WorkflowSpec(name="inner", steps=steps))
    (first,) = hold(_OUTER)
    approve(restrict(first))
    return first, list(Ticket.objects.filter(run__root_id=first.run_id, run__depth=1).order_by("pk"))


def _step_page(step: Step) -> str:
    return f"/admin/orchestration/run/{step.run_id}/steps/{step.key}/"


@WITH_ROLE
def test_the_items_that_were_made_of_it_are_hidden(*, has_role: bool) -> None:
    (first,) = hold(_EACH)
    approve(restrict(first))
    item = Ticket.objects.filter(run=first.run_id, status="open").order_by("pk")[0]
    mia = make_mia(first, has_role=has_role)
    assert SECRET in str(item.step.item_json)
    pages = [_step_page(item.step), f"/admin/escalation/ticket/{item.pk}/change/"]
    assert [SECRET in read(mia, page) for page in pages] == [has_role] * 2
    read(mia, f"/admin/escalation/ticket/{item.pk}/whole/item/", status=200 if has_role else 404)


@WITH_ROLE
def test_items_of_an_input_that_is_hidden_are_hidden(*, has_role: bool) -> None:
    first, held = _hold_inner(StepSpec("each", agent="test.doubter", for_each="[input.letter]"))
    assert [SECRET in str(ticket.step.item_json) for ticket in held] == [True]
    assert (SECRET in read(make_mia(first, has_role=has_role), _step_page(held[0].step))) == has_role


def test_what_stands_beside_a_restricted_item_is_not_hidden() -> None:
    held = hold(
        WorkflowSpec(
            name="two", steps=(StepSpec("each", agent="test.doubter", for_each="['lamp', 'chair']"),)
        )
    )
    restrict(held[0])
    mia = make_mia(held[0], has_role=False)
    assert "chair" in read(mia, _step_page(held[1].step))
    assert find_hidden([ticket.step_id for ticket in held], mia.pk) == {held[0].step_id}


def test_a_run_does_not_hide_its_input_for_what_its_own_steps_asked() -> None:
    with override(AGENTS), mute_dispatch():
        runs.publish(WorkflowSpec(name="alone", steps=(_LOOK,)))
    above = WorkflowSpec(name="above", steps=(StepSpec("kid", workflow="alone", input={"a": "'lamp'"}),))
    hold(above)
    ticket = restrict(Ticket.objects.get())
    assert find_handed_hidden([(ticket.run_id, None)], None) == frozenset()
    assert "lamp" in read(make_mia(ticket, has_role=False), f"/api/v1/runs/{ticket.run_id}")


@WITH_ROLE
def test_the_result_of_a_run_that_such_a_step_ended_is_hidden(*, has_role: bool) -> None:
    ends = WorkflowSpec(name="ends", steps=(StepSpec("draft", agent="test.writer", ends_run=True),))
    ticket = restrict(hold(ends)[0])
    approve(ticket)
    text = read(make_mia(ticket, has_role=has_role), f"/api/v1/runs/{ticket.run_id}")
    assert (SECRET in text, json.loads(text)["hidden"]) == (has_role, [] if has_role else ["draft", "result"])


def test_what_a_fork_did_anew_is_its_own() -> None:
    ticket = restrict(hold(replace(LETTER, steps=LETTER.steps[:2]))[0])
    approve(ticket)
    with mute_dispatch():
        fork = runs.fork(ticket.run_id, "draft")
    drive(fork.pk, agents={**AGENTS, "test.writer": lambda _task: Result({"body": "anew"}, confidence=0.9)})
    assert find_hidden([Step.objects.get(run=fork, key="draft").pk], None) == frozenset()


@WITH_ROLE
def test_a_fork_hides_what_was_handed_to_the_run_it_comes_from(*, has_role: bool) -> None:
    first, (held,) = _hold_inner(_LOOK)
    with mute_dispatch():
        same, other = (
            runs.fork(held.run_id, "look"),
            runs.fork(held.run_id, "look", input={"letter": "my own"}),
        )
    mia = make_mia(first, has_role=has_role)
    assert (SECRET in read(mia, f"/api/v1/runs/{same.pk}")) == has_role
    assert "my own" in read(mia, f"/api/v1/runs/{other.pk}")


@WITH_ROLE
def test_several_tickets_together_do_not_show_it(*, has_role: bool) -> None:
    first, (held,) = _hold_inner(_LOOK)
    browser = sign_in(make_mia(first, has_role=has_role))
    page = text_of(browser.post(button_of(held, "preview_together"), {"tickets": [held.pk]}))
    assert ("your lamp" in page, "(not shown)" in page) == (has_role, not has_role)


def test_nobody_finds_a_ticket_by_words_that_came_from_it() -> None:
    first, (held,) = _hold_inner(_LOOK)
    plain = hold()[0]
    write_words()
    queues = list(ReviewQueue.objects.values_list("pk", flat=True))

    def find(words: str) -> set[int]:
        return set(find_inbox(0, queues, InboxQuery(search=words)).values_list("pk", flat=True))

    assert find("perhaps") == {held.pk}
    assert find("where lamp") >= {plain.pk}
    assert held.pk not in find("lamp way")
    assert first.step.item_json is None


def test_a_guest_sees_all_that_the_ticket_is_about_and_no_other_of_its_queue() -> None:
    (first,) = hold(_EACH)
    approve(restrict(first))
    item, other = Ticket.objects.filter(run=first.run_id, status="open").order_by("pk")
    for ticket in (item, other):
        restrict(ticket)
    guests = Group.objects.create(name="guests")
    BreachDeed.objects.create(ticket=item, deadline="resolution", step="widen", outcome="", group=guests)
    gail = User.objects.create_user("gail", is_staff=True)
    gail.groups.add(guests)
    page = read(gail, f"/admin/escalation/ticket/{item.pk}/change/")
    assert (SECRET in page, "Not shown" in page) == (True, False)
    read(gail, f"/admin/escalation/ticket/{other.pk}/change/", status=404)
    member = make_member("gil", "viewer")
    member.groups.add(guests)
    assert SECRET not in read(member, _step_page(first.step))
