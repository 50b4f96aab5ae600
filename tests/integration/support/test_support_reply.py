"""The support desk's main workflow, on the real engine and the real database."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from agents import Result, Task
from agents.conf import get_conf as get_agents_conf
from agents.domain.catalogue import catalogue
from agents.invoke import invoke
from config.demo.people import ensure_people
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from examples.support import conf
from examples.support.loading import load_shop
from examples.support.models import OutboxMessage
from examples.support.shop_files import read_shop
from examples.support.workflows import SUPPORT_REPLY
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.testing import FinishedRun, drive, run_workflow
from tests.integration.escalation.buttons import button_of, sign_in, submit

pytestmark = pytest.mark.django_db

QUESTION = {"customer": "mira_okafor", "text": "Hi, where is my desk lamp? I ordered it a few days ago."}
STRANGE = {"customer": "mira_okafor", "text": "Could you write me a poem about coffee?"}


@pytest.fixture(autouse=True)
def shop(db: None) -> None:
    load_shop(read_shop(conf.DATA_DIR), timezone.now().date())


@pytest.fixture
def reviewer(db: None) -> User:
    return User.objects.create_user("reviewer", is_staff=True, is_superuser=True)


@dataclass(frozen=True)
class Review:
    """One person at the one open ticket of a run."""

    run: FinishedRun
    reviewer: User

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.get(run_id=self.run.run.pk, status="open")

    def resolve(self, kind: ResolutionKind, **given: Any) -> FinishedRun:
        ticket = claim_ticket(self.ticket.pk, self.reviewer)
        seen: dict[str, Any] = {"claim_number": ticket.claim_number, "seen_digest": ticket.seen_digest}
        # Joins are released after the commit, which inside a test's transaction never comes by itself.
        with mute_dispatch(), TestCase.captureOnCommitCallbacks(execute=True):
            resolve_ticket(ticket.pk, self.reviewer, kind, **seen, **given)
        return drive(self.run.run.pk)


def _bodies() -> list[str]:
    return list(OutboxMessage.objects.order_by("pk").values_list("body", flat=True))


def test_an_easy_message_is_answered_from_the_shops_facts() -> None:
    done = run_workflow(SUPPORT_REPLY, QUESTION)
    assert (done.status, done.held) == ("succeeded", [])
    message = OutboxMessage.objects.get()
    assert (message.recipient, message.email) == ("mira_okafor", "mira.okafor@example.org")
    assert message.body == (
        "Dear Mira,\n\nYour order #R4101 (Desk Lamp) is on its way to you. The tracking number is RM730000. "
        "Standard delivery normally takes 3 to 5 working days from dispatch.\n\nYour team at Fernhill Goods"
    )
    assert done.outputs["send"] == {
        "outbox_id": message.pk,
        "recipient": "mira_okafor",
        "subject": "Your order #R4101",
    }


def test_an_out_of_scope_message_waits_for_a_person_and_sends_nothing() -> None:
    done = run_workflow(SUPPORT_REPLY, STRANGE)
    assert (done.status, done.held) == ("running", ["draft"])
    ticket = Ticket.objects.get(run_id=done.run.pk)
    assert (ticket.rule, ticket.sla) == ("low_confidence", "customer-facing")
    assert _bodies() == []


def test_what_a_reviewer_edits_is_what_is_sent(reviewer: User) -> None:
    held = run_workflow(SUPPORT_REPLY, STRANGE)
    review = Review(held, reviewer)
    text = "Dear Mira,\n\nWe would love to, but we only sell things.\n\nYour team at Fernhill Goods"
    done = review.resolve(ResolutionKind.EDIT, output={**json.loads(review.ticket.seen_json), "body": text})
    assert done.status == "succeeded"
    assert _bodies() == [text]


def test_what_the_demos_reviewer_types_on_the_ticket_s_page_is_what_is_sent() -> None:
    ensure_people()
    run = run_workflow(SUPPORT_REPLY, STRANGE).run
    browser = sign_in(User.objects.get(username="reviewer"))
    taken = browser.post(reverse("admin:escalation_ticket_claim_next"))
    ticket = Ticket.objects.get(run=run)
    text = "Dear Mira,\n\nPoems are not among what we sell.\n\nYour team at Fernhill Goods"

    page = browser.get(taken["Location"])
    words = {"resolution": "edit", "key:body": text.replace("\n", "\r\n")}
    with mute_dispatch(), TestCase.captureOnCommitCallbacks(execute=True):
        answer = submit(browser, page, button_of(ticket, "resolve"), **words)
    drive(run.pk)

    assert answer.status_code == 302
    assert _bodies() == [text]


def test_an_approved_draft_is_sent_as_it_was_seen(reviewer: User) -> None:
    held = run_workflow(SUPPORT_REPLY, STRANGE)
    review = Review(held, reviewer)
    seen = json.loads(review.ticket.seen_json)["body"]
    assert review.resolve(ResolutionKind.APPROVE).status == "succeeded"
    assert _bodies() == [seen]


def test_feedback_is_not_pretended_to_be_understood(reviewer: User) -> None:
    held = run_workflow(SUPPORT_REPLY, QUESTION | {"text": "Where is order #R4101 and can I cancel #R4138?"})
    assert held.held == ["draft"]
    again = Review(held, reviewer).resolve(ResolutionKind.SEND_BACK, feedback="Be warmer.")
    assert again.held == ["draft"]
    doubts = again.steps["draft"].proposed["doubts"]
    assert doubts[-1] == "This writer can't act on feedback (Be warmer.): edit it."


def _promise_money(task: Task) -> dict[str, Any]:
    return {
        "recipient": "mira_okafor",
        "email": "mira.okafor@example.org",
        "subject": "Your order",
        "body": "Dear Mira,\n\nWe will refund you 500 tomorrow.\n\nYour team at Fernhill Goods",
        "facts": {},
    }


def test_a_draft_against_the_guidelines_goes_back_then_waits_with_the_reasons(reviewer: User) -> None:
    told: list[str | None] = []

    def write(task: Task) -> Result:
        told.append(task.feedback)
        return _confident(_promise_money(task))

    held = run_workflow(SUPPORT_REPLY, QUESTION, agents={"support.writer": write})
    assert held.held == ["draft"]
    assert [part and part.split(":")[0] for part in told] == [None, "no-unfounded-refund"]
    assert "no-unfounded-date" in held.steps["draft"].reason
    assert _bodies() == []
    mended = held.steps["draft"].proposed | {
        "body": "Dear Mira,\n\nWe look into it.\n\nYour team at Fernhill Goods"
    }
    assert Review(held, reviewer).resolve(ResolutionKind.EDIT, output=mended).status == "succeeded"
    assert _bodies() == [mended["body"]]


def test_a_draft_that_keeps_the_guidelines_is_passed_by_the_verifier() -> None:
    done = run_workflow(SUPPORT_REPLY, QUESTION)
    assert done.steps["draft"].accepted_by == "verdict"
    assert done.outputs["draft?0"] == {"verdict": "PASS", "reasons": []}


def _break(task: Task) -> NoReturn:
    raise RuntimeError("the classifier can't be loaded")


def test_without_the_classifier_what_was_asked_before_is_answered() -> None:
    question = QUESTION | {"text": "Where is my order #R4101?"}
    done = run_workflow(SUPPORT_REPLY, question, agents={"support.writer": _break})
    assert done.steps["draft"].agent == "support.template_writer"
    assert (done.status, len(_bodies())) == ("succeeded", 1)


def test_without_the_classifier_anything_else_waits_with_a_draft() -> None:
    done = run_workflow(SUPPORT_REPLY, QUESTION, agents={"support.writer": _break})
    assert done.held == ["draft"]
    assert done.steps["draft"].proposed["body"].startswith("Dear Mira,")


def _confident(output: Any) -> Result:
    return Result(output, confidence=0.99)


def _fail(task: Task) -> NoReturn:
    raise ConnectionError("the warehouse does not answer")


def test_without_the_inventory_the_desk_still_answers_what_does_not_need_it() -> None:
    done = run_workflow(SUPPORT_REPLY, QUESTION, agents={"shop.inventory": _fail})
    assert done.status == "succeeded"
    assert (done.steps["inventory"].status, done.outputs["inventory"]) == ("skipped", None)
    assert len(_bodies()) == 1


def test_without_the_inventory_a_question_about_stock_goes_to_a_person() -> None:
    question = {"customer": "noor_haddad", "text": "Is the wool blanket in stock again?"}
    done = run_workflow(SUPPORT_REPLY, question, agents={"shop.inventory": _fail})
    assert done.held == ["draft"]
    assert "Nobody knows the inventory, which could not be asked." in done.steps["draft"].proposed["doubts"]


def test_a_step_that_sends_twice_under_one_key_writes_once() -> None:
    task = Task(
        input={"recipient": "mira_okafor", "email": "", "subject": "Subject", "body": "Body"},
        handoff={},
        run_input={},
        run_id="r",
        step_key="send",
        attempt=1,
        token="t1",
        idempotency_key="once",
    )
    first = invoke("mail.outbox", task, timeout_seconds=5)
    again = invoke("mail.outbox", task, timeout_seconds=5)
    assert first == again
    assert _bodies() == ["Body"]


def test_a_draft_that_lost_its_text_is_not_sent(reviewer: User) -> None:
    held = run_workflow(SUPPORT_REPLY, STRANGE)
    review = Review(held, reviewer)
    emptied = review.resolve(ResolutionKind.EDIT, output={**json.loads(review.ticket.seen_json), "body": " "})
    assert emptied.held == ["send"]
    assert "reply.body is ' '" in emptied.steps["send"].reason
    assert _bodies() == []


def _messages() -> list[dict[str, Any]]:
    lines = (conf.DATA_DIR / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_sample_messages_none_is_answered_that_a_person_must_see_and_most_others_are() -> None:
    outcomes = {
        message["message_id"]: (message["expected"], run_workflow(SUPPORT_REPLY, message).status)
        for message in _messages()
    }
    wrongly_answered = [
        key for key, (expected, got) in outcomes.items() if expected == "escalated" and got == "succeeded"
    ]
    wanted = [got for expected, got in outcomes.values() if expected == "answered"]
    assert wrongly_answered == []
    assert wanted.count("succeeded") >= 0.8 * len(wanted)
    assert OutboxMessage.objects.count() == wanted.count("succeeded")


def test_what_a_person_would_do_changes_nothing() -> None:
    told = run_workflow(SUPPORT_REPLY, QUESTION | {"expected": "escalated"})
    untold = run_workflow(SUPPORT_REPLY, QUESTION)
    assert told.outputs["draft"] == untold.outputs["draft"]


def test_a_return_is_promised_until_the_right_day() -> None:
    done = run_workflow(
        SUPPORT_REPLY, {"customer": "kwame_boateng", "text": "I want to return the backpack from #R4804."}
    )
    until: date = timezone.now().date() - timedelta(days=5) + timedelta(days=30)
    assert done.status == "succeeded"
    assert f"until {until.day} {until:%B %Y}." in _bodies()[0]


def test_the_shipped_cases_show_how_good_the_verifier_is() -> None:
    out = StringIO()
    cases = str(conf.DATA_DIR / "verifier_cases.jsonl")
    call_command("probe_verifier", "brand.verifier", "--cases", cases, "--json", stdout=out)

    said = json.loads(out.getvalue())
    broken = [answer["reasons"][0].split(":")[0] for answer in said["answers"] if answer["said"] == "FAIL"]
    # Each bad one breaks a guideline of its own, but the last, whose words none of them knows.
    assert len(set(broken)) == len(broken) == 9
    assert [answer["is_right"] for answer in said["answers"]] == [True] * 11 + [False]
    rates = said["verifiers"][0]["by_trials"]
    assert (rates["false_pass_rate"], rates["false_fail_rate"]) == (0.1, 0.0)


def test_a_letter_takes_one_of_the_two_connections_to_the_mail_server() -> None:
    assert catalogue.find("mail.outbox").contract.pools == {"mail": 1}  # type: ignore[union-attr]
    assert get_agents_conf().capacity_of("mail") == 2
