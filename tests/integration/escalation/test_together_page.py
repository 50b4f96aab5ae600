"""Deciding alike tickets together in the console: choose, look at each, decide, see what became of each."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from escalation.escrow import claim_ticket, release_ticket
from escalation.models import AuditLine, ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec
from tests.integration.escalation.buttons import LIST, button_of, page_of, sign_in, text_of
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db
_SEVERAL = {"seats": 3, "votes_needed": 2}
_LINE = re.compile(r'name="line" value="([^"]+)"')


def _preview(browser: Client, tickets: list[Ticket]) -> Any:
    return browser.post(
        button_of(tickets[0], "preview_together"), {"tickets": [ticket.pk for ticket in tickets]}
    )


def _decide(browser: Client, anchor: Ticket, preview: Any, **form: str) -> Any:
    return browser.post(
        button_of(anchor, "resolve_together"), {"line": _LINE.findall(text_of(preview)), **form}
    )


def test_alike_tickets_are_chosen_looked_at_and_decided(anna: User) -> None:
    tickets = [hold()[0] for _ in range(3)]
    browser = sign_in(anna)

    page = text_of(browser.get(page_of(tickets[0])))
    assert "3 alike tickets wait: decide them together" in page
    chooser = text_of(browser.get(button_of(tickets[0], "alike")))
    assert [f'value="{ticket.pk}"' in chooser for ticket in tickets] == [True] * 3
    preview = _preview(browser, tickets)
    assert text_of(preview).count("your lamp is on its way.") == 3
    assert AuditLine.objects.filter(act="saw", actor=anna, ticket__in=[t.pk for t in tickets]).count() == 3
    done = text_of(_decide(browser, tickets[0], preview, resolution="approve", note="fine"))

    assert "3 of 3 approved" in done
    assert set(Ticket.objects.values_list("resolution", "note")) == {("approve", "fine")}


def test_what_is_ticked_in_the_inbox_is_looked_at_together(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)

    inbox = text_of(browser.get(reverse(LIST)))
    assert [f'name="tickets" value="{ticket.pk}"' in inbox for ticket in tickets] == [True] * 2
    preview = browser.post(
        reverse("admin:escalation_ticket_choose_together"), {"tickets": [ticket.pk for ticket in tickets]}
    )

    assert "Decide 2 tickets together" in text_of(preview)
    nothing = browser.post(reverse("admin:escalation_ticket_choose_together"), follow=True)
    assert "tick the tickets that you want to decide together" in text_of(nothing)


def test_what_others_hold_is_named_and_not_decided(anna: User, ben: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    claim_ticket(tickets[1].pk, ben)
    browser = sign_in(anna)

    preview = _preview(browser, tickets)
    _decide(browser, tickets[0], preview, resolution="skip")

    assert f"Ticket {tickets[1].pk} is claimed by ben" in text_of(preview)
    assert [Ticket.objects.get(pk=one.pk).status for one in tickets] == ["resolved", "open"]


def test_one_that_changed_is_refused_alone_and_said(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)
    preview = _preview(browser, tickets)
    release_ticket(tickets[1].pk, anna)
    claim_ticket(tickets[1].pk, anna)

    done = text_of(_decide(browser, tickets[0], preview, resolution="approve"))

    assert "1 of 2 approved" in done
    assert f"Ticket {tickets[1].pk} was claimed again since you opened it" in done


def test_a_refusal_of_all_gives_the_words_and_the_choice_back(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)
    preview = _preview(browser, tickets)

    refused = _decide(browser, tickets[0], preview, resolution="send_back", note="think <b> of it")

    assert refused.status_code == 400
    assert "feedback: say what the agent should do better." in text_of(refused)
    assert "think &lt;b&gt; of it" in text_of(refused)
    assert _LINE.findall(text_of(refused)) == _LINE.findall(text_of(preview))


def test_a_bar_is_said_before_anybody_presses(anna: User) -> None:
    spec = WorkflowSpec(
        name="mail",
        steps=(
            StepSpec("draft", agent="test.writer"),
            StepSpec("send", agent="mail.outbox", needs=("draft",)),
        ),
    )
    tickets = [hold(spec)[0] for _ in range(2)]

    preview = text_of(_preview(sign_in(anna), tickets))

    assert (
        "Approve as proposed is not for several: what the step “send” does then can&#x27;t be undone"
        in preview
    )
    assert 'value="approve"' not in preview
    assert 'value="send_back"' in preview


@pytest.mark.parametrize(
    ("opened", "since"),
    [({}, {"bulk_allowed": False}), ({}, _SEVERAL), (_SEVERAL, {"seats": 1, "votes_needed": 1})],
    ids=["barred", "several decide since", "several decide these"],
)
def test_a_queue_that_bars_it_offers_nothing(
    anna: User, ben: User, opened: dict[str, Any], since: dict[str, Any]
) -> None:
    ReviewQueue.objects.update(**opened)
    tickets = [hold()[0] for _ in range(2)]
    ReviewQueue.objects.filter(pk=tickets[0].queue_id).update(**since)
    browser = sign_in(anna)

    assert "alike tickets wait" not in text_of(browser.get(page_of(tickets[0])))
    assert 'name="tickets"' not in text_of(browser.get(button_of(tickets[0], "alike")))
    refused = _preview(browser, tickets)
    assert (refused.status_code, Ticket.objects.filter(claimed_by=anna).count()) == (409, 0)


def test_all_claims_can_be_given_back(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(anna)
    lines = _LINE.findall(text_of(_preview(browser, tickets)))

    browser.post(button_of(tickets[0], "release_together"), {"line": lines})

    assert Ticket.objects.filter(claimed_by=None, status="open").count() == 2


def test_who_may_only_look_is_offered_none_of_it(anna: User) -> None:
    tickets = [hold()[0] for _ in range(2)]
    browser = sign_in(make_member("olga", "viewer"))

    assert browser.get(button_of(tickets[0], "alike")).status_code == 403
    assert _preview(browser, tickets).status_code == 403
    assert 'name="tickets"' not in text_of(browser.get(reverse(LIST)))
