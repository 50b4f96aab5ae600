"""What stands around a decision: what it sets off, how alike work was decided, and how often the agent was right."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from agents import Result
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.learning import list_judged_work
from escalation.models import ReviewQueue, Ticket, read_clock
from escalation.selectors import Reliability, find_neighbours, find_similar, measure_reliability
from orchestration import Review, StepSpec, Verify, WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.selectors.scope import call_as
from orchestration.testing import run_workflow
from tests.integration.escalation.buttons import button_of, page_of, press, sign_in, text_of
from tests.integration.escalation.desk import PROPOSAL, hold
from tests.integration.escalation.figured import place_ticket

pytestmark = pytest.mark.django_db


def _decide(
    ticket: Ticket, person: User, kind: ResolutionKind = ResolutionKind.APPROVE, **words: Any
) -> None:
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, kind, claim_number=1, seen_digest=ticket.seen_digest, **words)


def _section(page: str, name: str) -> str:
    return page.partition(f'id="{name}"')[2].partition("</section>")[0]


def test_what_can_not_be_undone_is_said_before_it_is_set_off(anna: User) -> None:
    spec = WorkflowSpec(
        name="mail",
        steps=(
            StepSpec("draft", agent="test.writer"),
            StepSpec("send", agent="mail.outbox", needs=("draft",), when="steps.draft.subject != ''"),
            StepSpec("count", agent="test.facts", needs=("send",)),
        ),
    )
    (ticket,) = hold(spec)

    shown = _section(text_of(sign_in(anna).get(page_of(ticket))), "outcomes")

    assert "<b>send</b> runs next, if <code>steps.draft.subject != &#x27;&#x27;</code>" in shown
    assert "sends an e-mail to the customer" in shown
    assert "can't be undone" in shown
    assert "And 1 other step behind it" in shown
    assert "send, count are skipped along" in shown


def test_a_page_takes_as_many_queries_however_much_stands_around_it(anna: User) -> None:
    counts = []
    for length in (2, 14):
        chain = tuple(
            StepSpec(f"s{n}", agent="test.facts", needs=(f"s{n - 1}" if n else "draft",))
            for n in range(length)
        )
        spec = WorkflowSpec(name=f"chain{length}", steps=(StepSpec("draft", agent="test.writer"), *chain))
        for _ in range(length // 2):
            _decide(hold(spec)[0], anna)
        (ticket,) = hold(spec)
        browser = sign_in(anna)
        browser.get(page_of(ticket))
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(page_of(ticket)).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]
    assert counts[0] <= 39


def test_alike_tickets_tell_how_they_were_decided(anna: User) -> None:
    for kind in (ResolutionKind.APPROVE, ResolutionKind.APPROVE, ResolutionKind.SKIP):
        _decide(hold()[0], anna, kind)
    other = WorkflowSpec(name="other", steps=(StepSpec("draft", agent="test.writer"),))
    _decide(hold(other)[0], anna)
    (ticket,) = hold()

    similar = find_similar(call_as(anna), ticket)

    assert dict(similar.counts) == {"approve": 2, "skip": 1}
    assert [row.resolution for row in similar.latest] == ["skip", "approve", "approve"]
    assert "The last 3 of the same workflow, step and rule: 2 approve, 1 skip." in text_of(
        sign_in(anna).get(page_of(ticket))
    )


def test_alike_tickets_of_a_queue_that_one_may_not_see_are_not_told(anna: User) -> None:
    project = hold()[0].queue.project
    hidden = ReviewQueue.objects.create(
        project=project, slug="customer-facing", name="Hidden", is_restricted=True
    )
    _decide(hold()[0], anna)
    ReviewQueue.objects.filter(pk=hidden.pk).update(slug="hidden")
    (ticket,) = hold()

    assert find_similar(call_as(anna), ticket).total == 0


def test_how_often_the_agent_was_right_counts_those_about_as_sure(anna: User) -> None:
    def write_at(confidence: float) -> Any:
        return lambda _task: Result(PROPOSAL, confidence=confidence)

    _decide(hold(writer=write_at(0.5))[0], anna)
    _decide(hold(writer=write_at(0.52))[0], anna, ResolutionKind.EDIT, output=PROPOSAL)
    _decide(hold(writer=write_at(0.2))[0], anna, ResolutionKind.SKIP)
    (ticket,) = hold(writer=write_at(0.5))

    found = measure_reliability(ticket)

    assert found is not None
    assert (found.right, found.judged) == (1, 2)
    page = text_of(sign_in(anna).get(page_of(ticket)))
    assert "<b>50%</b> of 70% needed; right 1 of 2 times at 45% to 55%, too few to judge by" in page


def test_what_a_rule_decided_or_people_did_themselves_judges_no_agent(anna: User, ticket: Ticket) -> None:
    now = read_clock()
    place_ticket(now, resolved=2, kind="abort", resolved_rule="breach")
    place_ticket(now, resolved=2, kind="default", resolved_rule="breach")
    place_ticket(now, touched=1, resolved=2, by=anna, kind="edit", subject="task")
    place_ticket(now, touched=1, resolved=2, by=anna, kind="skip", has_proposal=False)

    assert measure_reliability(ticket) == Reliability(0, 0, 0.45, 0.55)
    assert list_judged_work(now) == []


def test_an_edit_of_passing_fields_is_no_fault_of_the_agent(anna: User, ticket: Ticket) -> None:
    ReviewQueue.objects.update(passing_edits=["greeting"])
    seen, edited = '{"body":"x","greeting":"Hi"}', '{"body":"x","greeting":"Dear Ada"}'
    place_ticket(
        read_clock(), touched=1, resolved=2, by=anna, kind="edit", seen_json=seen, output_json=edited
    )

    assert measure_reliability(ticket) == Reliability(1, 1, 0.45, 0.55)


def test_whose_work_is_judged_never_changes(ticket: Ticket) -> None:
    assert ticket.agent == "test.writer"
    with pytest.raises(IntegrityError, match="whose work is judged"):
        Ticket.objects.filter(pk=ticket.pk).update(agent="test.other")


def test_the_verifiers_reasons_stand_beside_the_proposal(anna: User) -> None:
    verdict = {"verdict": "FAIL", "reasons": ["no <b>price</b> is named"]}
    spec = WorkflowSpec(
        name="gated",
        steps=(StepSpec("draft", agent="test.writer", verify=Verify("test.judge", max_revisions=0)),),
    )
    done = run_workflow(
        spec,
        {},
        agents={"test.writer": lambda _: Result(PROPOSAL, confidence=0.9), "test.judge": lambda _: verdict},
    )

    shown = _section(text_of(sign_in(anna).get(page_of(Ticket.objects.get(run=done.run)))), "verdicts")

    assert "test.judge" in shown
    assert "no &lt;b&gt;price&lt;/b&gt; is named" in shown


def test_what_the_run_cost_so_far_stands_beside_the_decision(anna: User) -> None:
    answer = Result(
        PROPOSAL, confidence=0.5, usage={"input_tokens": 1200, "output_tokens": 34, "cost_usd": "0.05"}
    )
    (ticket,) = hold(writer=lambda _: answer)

    page = text_of(sign_in(anna).get(page_of(ticket)))

    assert "<dt>Used so far</dt><dd>1,200 tokens in, 34 tokens out, 0.05 US dollars</dd>" in page


def test_the_plan_is_drawn_with_this_step_marked(ticket: Ticket, anna: User) -> None:
    page = text_of(sign_in(anna).get(page_of(ticket)))

    assert page.count(" rm-here") == 1
    assert "rm-node rm-held rm-here" in page


def test_neighbours_are_those_due_before_and_behind(anna: User) -> None:
    tickets = [hold()[0] for _ in range(3)]

    assert find_neighbours(call_as(anna), tickets[1]) == (tickets[0].pk, tickets[2].pk)
    assert find_neighbours(call_as(anna), tickets[2]) == (tickets[1].pk, None)


def test_only_who_takes_one_after_the_other_is_given_the_next(anna: User) -> None:
    first, second, third = (hold()[0] for _ in range(3))
    browser = sign_in(anna)
    claim_ticket(first.pk, anna)
    approve = {"resolution": "approve"}

    plainly = press(browser, first, "resolve", **approve)
    taken = browser.post("/admin/escalation/ticket/next/")
    page = text_of(browser.get(taken.headers["Location"]))
    going_on = press(browser, second, "resolve", **approve, advance="1")

    assert plainly.headers["Location"] == "/admin/escalation/ticket/"
    assert taken.headers["Location"] == f"{page_of(second)}?next"
    assert '<input type="hidden" name="advance" value="1">' in page
    assert going_on.headers["Location"] == f"{page_of(third)}?next"
    third.refresh_from_db()
    assert third.claimed_by_id == anna.pk
    last = press(browser, third, "resolve", **approve, advance="1")
    assert last.headers["Location"] == "/admin/escalation/ticket/"
    assert button_of(third, "claim") not in page


def test_a_spec_says_how_its_work_is_met(anna: User) -> None:
    review = Review(
        question="May this letter go out?", main="subject", labels={"body": "The letter"}, fold=("facts",)
    )
    spec = WorkflowSpec(name="met", steps=(StepSpec("draft", agent="test.writer", review=review),))
    (ticket,) = hold(spec)

    page = text_of(sign_in(anna).get(page_of(ticket)))

    assert ">May this letter go out?</h2>" in page
    shown = _section(page, "proposed")
    assert shown.index("Your order") < shown.index("<h4>The letter</h4>") < shown.index("Technical fields")
    assert shown.index("Technical fields") < shown.index("<h4>facts</h4>")


def test_what_was_changed_is_shown_field_by_field(ticket: Ticket, anna: User) -> None:
    edited = {**PROPOSAL, "subject": "Your <lamp>", "facts": {"order": 8}}
    _decide(ticket, anna, ResolutionKind.EDIT, output=edited)

    page = text_of(sign_in(anna).get(page_of(ticket)))

    assert (
        '<th scope="row">subject</th><td><del>Your order</del></td><td><ins>Your &lt;lamp&gt;</ins></td>'
        in page
    )
    assert '<th scope="row">facts.order</th><td><del>7</del></td><td><ins>8</ins></td>' in page
    assert '<th scope="row">body</th>' not in page
