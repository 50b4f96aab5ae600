"""Agents that ask people, or may not call something without one: one ticket, whose decision is the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from agents import Task
from agents.domain.waiting import WantedCall, wait_for_approval
from escalation.errors import BulkBarred, ResolutionInvalid
from escalation.escrow import BulkLine, claim_ticket, list_bulk_ways, resolve_alike, resolve_ticket
from escalation.models import ReviewQueue, Ticket
from escalation.selectors import find_irreversible
from orchestration import runs
from orchestration.domain.spec import StepSpec, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.errors import ResolutionRefused
from orchestration.models import CallTry, Decision, Step
from orchestration.selectors.scope import call_as
from orchestration.testing import FinishedRun, drive, run_workflow

pytestmark = pytest.mark.django_db

SPEC = WorkflowSpec(name="asks", steps=(StepSpec("one", agent="test.asker"),))
Agent = Callable[[Task], Any]


def _run(agent: Agent) -> FinishedRun:
    return run_workflow(SPEC, {}, agents={"test.asker": agent})


def _drive(run: FinishedRun, agent: Agent) -> FinishedRun:
    return drive(run.run.pk, agents={"test.asker": agent})


def test_a_question_holds_the_step_and_its_answer_lets_it_go_on_where_it_asked() -> None:
    asked: list[int] = []

    def agent(task: Task) -> Any:
        task.once("look", lambda: asked.append(1))
        form = {"type": "object", "properties": {"house": {"type": "string"}}, "required": ["house"]}
        return [task.ask_person("Which house?", form=form)["house"], task.ask_person("Are you sure?")]

    run = _run(agent)
    ticket = Ticket.objects.get()
    assert (run.held, ticket.subject, ticket.rule, ticket.seen["question"]) == (
        ["one"],
        "question",
        "question",
        "Which house?",
    )
    assert [kind.value for kind in ticket.ways] == ["answer", "skip", "close", "abort"]
    _answer(run.steps["one"], {"house": "north"})
    run = _drive(run, agent)
    assert run.held == ["one"]
    _answer(run.steps["one"], {"answer": "yes"})
    done = _drive(run, agent)
    assert done.outputs == {"one": ["north", "yes"]}
    assert asked == [1]
    assert done.steps["one"].revision == 0
    assert runs.verify(done.run.pk).holds


def test_all_questions_of_a_step_are_one_ticket() -> None:
    async def agent(task: Task) -> Any:
        return await asyncio.gather(task.ask_person("Which?", key="a"), task.ask_person("When?", key="b"))

    run = _run(agent)
    ticket = Ticket.objects.get()
    assert list(ticket.seen["asked"]) == ["ask[a]#1", "ask[b]#1"]
    assert ticket.seen["question"] == "1. Which?\n2. When?"
    _answer(run.steps["one"], {"ask[a]#1": "this", "ask[b]#1": "now"})
    assert _drive(run, agent).outputs == {"one": ["this", "now"]}


def _answer(step: Step, output: Any) -> None:
    _decide(step, ResolutionKind.ANSWER, output=output)


def _decide(step: Step, kind: ResolutionKind, **what: Any) -> None:
    person, _ = User.objects.get_or_create(username="anna", is_superuser=True)
    ticket = claim_ticket(Ticket.objects.get(step=step, status="open").pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=ticket.claim_number, seen_digest=None, **what)


_WANTED = (
    WantedCall("c1", "refund", {"euro": 900}, ("pays",), reversible=False),
    WantedCall("c2", "mail", {}),
)


def _approving(task: Task) -> Any:
    return [
        [each.call_id, each.approve, each.arguments, each.message]
        for each in wait_for_approval(task.calls, _WANTED, 1)
    ]


def _changed(seen: Any, **first: Any) -> Any:
    return seen | {"calls": [seen["calls"][0] | first, seen["calls"][1]]}


def test_calls_that_need_a_person_are_one_ticket_and_its_decision_is_their_answer() -> None:
    run = _run(_approving)
    ticket = Ticket.objects.get()
    assert (run.held, ticket.subject, ticket.rule) == (["one"], "calls", "approval")
    assert [(each["tool"], each["arguments"]) for each in ticket.seen["calls"]] == [
        ("refund", {"euro": 900}),
        ("mail", {}),
    ]
    assert run.steps["one"].proposed_json is None  # no work was proposed: a new round does none anew
    _decide(run.steps["one"], ResolutionKind.APPROVE)
    done = _drive(run, _approving)
    assert done.outputs == {"one": [["c1", True, {"euro": 900}, ""], ["c2", True, {}, ""]]}
    assert (done.steps["one"].revision, done.steps["one"].renewals) == (0, 0)
    assert runs.verify(done.run.pk).holds


def test_calls_are_approved_with_other_arguments_or_denied_one_by_one_or_all() -> None:
    run = _run(_approving)
    seen = Ticket.objects.get().seen
    wrong = [
        {"calls": []},
        seen | {"calls": seen["calls"][:1]},
        seen | {"version": 2},
        _changed(seen, tool="charge"),
        _changed(seen, id="c9"),
        _changed(seen, reversible=True),
        _changed(seen, arguments=[]),
        _changed(seen, approve="no"),
        _changed(seen, approve=False),  # and no word why
    ]
    for output in wrong:
        with pytest.raises(ResolutionRefused, match=r"^output"), transaction.atomic():
            _decide(run.steps["one"], ResolutionKind.EDIT, output=output)
    edited = _changed(seen, arguments={"euro": 5})
    edited["calls"][1] |= {"approve": False, "message": "no mail"}
    _decide(run.steps["one"], ResolutionKind.EDIT, output=edited)
    assert _drive(run, _approving).outputs == {
        "one": [["c1", True, {"euro": 5}, ""], ["c2", False, {}, "no mail"]]
    }
    other = _run(_approving)
    _decide(other.steps["one"], ResolutionKind.SEND_BACK, feedback="too much")
    assert _drive(other, _approving).outputs == {
        "one": [["c1", False, {"euro": 900}, "too much"], ["c2", False, {}, "too much"]]
    }


def test_a_question_beside_calls_that_wait_for_approval_is_answered_as_the_question() -> None:
    async def agent(task: Task) -> Any:
        may, which = await asyncio.gather(
            wait_for_approval(task.calls, _WANTED, 1), task.ask_person("Which?")
        )
        return [len(may), which]

    run = _run(agent)
    assert Ticket.objects.get().subject == "calls"
    _decide(run.steps["one"], ResolutionKind.APPROVE)
    run = _drive(run, agent)
    assert Ticket.objects.latest("pk").subject == "question"
    _answer(run.steps["one"], {"answer": "this"})
    assert _drive(run, agent).outputs == {"one": [2, "this"]}


@pytest.mark.parametrize("changed", [{"euro": 901}, None])
def test_an_approval_of_other_calls_than_are_wanted_now_is_void(changed: Any) -> None:
    run = _run(_approving)
    _decide(run.steps["one"], ResolutionKind.APPROVE)

    def otherwise(task: Task) -> Any:
        wanted = _WANTED if changed is None else (replace(_WANTED[0], arguments=changed), _WANTED[1])
        return len(wait_for_approval(task.calls, wanted, 2 if changed is None else 1))

    run = _drive(run, otherwise)
    assert run.held == ["one"]
    assert Decision.objects.latest("pk").rule == "journal_diverged"
    _decide(run.steps["one"], ResolutionKind.SEND_BACK, feedback="ask for what you want now")
    run = _drive(run, otherwise)
    asked = Ticket.objects.get(status="open")
    assert (asked.subject, asked.rule) == ("calls", "approval")
    assert asked.seen["calls"][0]["arguments"] == (changed or _WANTED[0].arguments)
    _decide(run.steps["one"], ResolutionKind.APPROVE)
    assert _drive(run, otherwise).outputs == {"one": 2}


class Death(BaseException):
    """Ends a call without a word, as the death of its process does."""


def _charge_in_doubt(made: list[int]) -> Agent:
    def charge(euro: int) -> str:
        made.append(euro)
        if len(made) == 1:
            raise Death
        return f"charged {euro}"

    return lambda task: task.once("charge", charge, 5, repeatable=False)


@pytest.mark.parametrize(
    ("said", "output", "times"),
    [
        ({"happened": True, "returned": "charged 5 before"}, "charged 5 before", 1),
        ({"happened": True}, None, 1),
        ({"happened": False}, "charged 5", 2),
    ],
)
def test_a_call_that_can_not_be_repeated_is_asked_about_when_nobody_knows_whether_it_happened(
    said: Any, output: Any, times: int
) -> None:
    made: list[int] = []
    agent = _charge_in_doubt(made)
    run = _run(agent)
    assert (run.held, made, CallTry.objects.get().state) == (["one"], [5], "lost")
    _decide(run.steps["one"], ResolutionKind.SEND_BACK, feedback="again")
    run = _drive(run, agent)
    ticket = Ticket.objects.get(status="open")
    assert (ticket.subject, ticket.rule, made) == ("question", "uncertain_effect", [5])
    assert "“charge” was under way with [5]" in ticket.seen["question"]
    _answer(run.steps["one"], said)
    done = _drive(run, agent)
    assert (done.outputs, len(made)) == ({"one": output}, times)
    assert runs.verify(done.run.pk).holds


def test_a_call_that_may_be_repeated_is_repeated_without_a_question() -> None:
    made: list[int] = []

    def charge(euro: int) -> str:
        made.append(euro)
        if len(made) == 1:
            raise Death
        return "charged"

    def agent(task: Task) -> Any:
        return task.once("charge", charge, 5)

    run = _run(agent)
    _decide(run.steps["one"], ResolutionKind.SEND_BACK, feedback="again")
    assert _drive(run, agent).outputs == {"one": "charged"}
    assert made == [5, 5]


def test_each_of_several_questions_is_checked_by_its_own_form() -> None:
    money = {"type": "object", "properties": {"euro": {"$ref": "#/$defs/euro"}}, "required": ["euro"]}
    forms: dict[str, Any] = {
        "refers": money | {"$defs": {"euro": {"type": "integer"}}, "title": "Money"},
        "old": {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "integer",
            "maximum": 9,
            "exclusiveMaximum": True,
        },
        "large": {"enum": [f"{number}" * 20_000 for number in range(9)]},
        "larger": {"enum": [f"{number}" * 20_000 for number in range(9)]},
        "any": {},
        "text": None,
    }

    async def agent(task: Task) -> Any:
        asked = [task.ask_person(f"Which {key}?", form=form, key=key) for key, form in forms.items()]
        return await asyncio.gather(*asked)

    run = _run(agent)
    ticket = Ticket.objects.get()
    labels = {path: form["title"] for path, form in ticket.seen["form"]["properties"].items()}
    assert labels == {f"ask[{key}]#1": f"Which {key}?" for key in forms}
    answers = [{"euro": 5}, 8, "1" * 20_000, "2" * 20_000, [], "yes"]
    right = {f"ask[{key}]#1": answer for key, answer in zip(forms, answers, strict=True)}
    for key, wrong in {"refers": {"euro": "5"}, "old": 9, "large": "x", "text": 5}.items():
        with pytest.raises(ResolutionRefused, match=rf"ask\[{key}\]#1"), transaction.atomic():
            _answer(run.steps["one"], right | {f"ask[{key}]#1": wrong})
    with pytest.raises(ResolutionInvalid, match="text"), transaction.atomic():
        _answer(run.steps["one"], {path: value for path, value in right.items() if "text" not in path})
    _answer(run.steps["one"], right)
    assert _drive(run, agent).outputs == {"one": answers}


def test_a_form_that_takes_anything_is_no_text() -> None:
    def agent(task: Task) -> Any:
        return task.ask_person("What?", form={})

    run = _run(agent)
    _answer(run.steps["one"], ["anything"])
    assert _drive(run, agent).outputs == {"one": ["anything"]}


def test_a_question_that_the_code_left_is_not_asked_again() -> None:
    async def agent(task: Task) -> Any:
        if left:
            await task.ask_person("First?", key="first")
            return await task.ask_person("Now?", key="now")
        return await asyncio.gather(task.ask_person("First?", key="first"), task.wait_for("x"))

    left: list[int] = []
    run = _run(agent)
    _answer(run.steps["one"], {"answer": "1"})
    left.append(1)
    run = _drive(run, agent)
    assert Ticket.objects.get(status="open").seen["question"] == "Now?"
    _answer(run.steps["one"], {"answer": "2"})
    assert _drive(run, agent).outputs == {"one": "2"}


@pytest.mark.parametrize("how", [{"grace_seconds": 60}, {"votes_needed": 2, "seats": 2}])
def test_an_edit_of_other_calls_is_refused_at_the_door(how: dict[str, int]) -> None:
    ReviewQueue.objects.update(**how)
    run = _run(_approving)
    seen = Ticket.objects.get().seen
    wrong: Any
    for wrong in ({"calls": []}, _changed(seen, reversible=0), seen | {"version": True}):
        with pytest.raises(ResolutionRefused, match=r"^output"), transaction.atomic():
            _decide(run.steps["one"], ResolutionKind.EDIT, output=wrong)
    with pytest.raises(ResolutionInvalid, match="feedback"), transaction.atomic():
        _decide(run.steps["one"], ResolutionKind.SEND_BACK, feedback=" ")
    ticket = Ticket.objects.get()
    assert (ticket.decided_at, ticket.votes_cast) == (None, 0)


def test_calls_that_can_not_be_undone_are_approved_one_ticket_at_a_time() -> None:
    irreversible, harmless = (
        _run(_approving),
        _run(lambda task: len(wait_for_approval(task.calls, _WANTED[1:], 1))),
    )
    tickets = [Ticket.objects.get(run=run.run) for run in (irreversible, harmless)]
    for kind in (ResolutionKind.APPROVE, ResolutionKind.EDIT):
        barred = find_irreversible(tickets, kind)
        assert barred == {tickets[0].pk: "what the call of “refund” does then can't be undone"}
    assert find_irreversible(tickets, ResolutionKind.SEND_BACK) == {}
    [approve] = [way for way in list_bulk_ways(tickets[:1]) if way.way.kind is ResolutionKind.APPROVE]
    assert list(approve.barred) == [tickets[0].pk]
    person = User.objects.create(username="ben", is_superuser=True)
    claim_ticket(tickets[0].pk, person)
    line = BulkLine(tickets[0].pk, 1, tickets[0].seen_digest)
    [result] = resolve_alike(tickets[0], [line], person, call_as(person), ResolutionKind.APPROVE)
    assert isinstance(result.error, BulkBarred)
    assert Ticket.objects.get(pk=tickets[0].pk).is_open
