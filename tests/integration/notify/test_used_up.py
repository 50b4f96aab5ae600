"""Leads are told that a budget of people's time is used up: once for each limit, and whatever their channels do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.invoke import override
from escalation.conf import get_conf
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Delivery, Notice, ReviewQueue, Ticket, read_clock
from escalation.notify import plan_notices, send_due
from escalation.watch import tell_used_up
from orchestration import Budget, StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Pot
from orchestration.testing import drive
from tests.integration.agents.egress.servers import receive
from tests.integration.escalation.desk import AGENTS, LETTER
from tests.integration.notify.posts import Mailbox, deliver_to
from tests.people import make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lea(db: None) -> User:
    lea = make_member("lea", "admin")
    User.objects.filter(pk=lea.pk).update(email="lea@example.org")
    return lea


def _hold(minutes: int, spec: WorkflowSpec = LETTER) -> Ticket:
    with override(AGENTS), mute_dispatch():
        runs.publish(spec)
        run = runs.start(spec.name, {"text": "?"}, budget=Budget(human_minutes=minutes))
        drive(run.pk, agents=AGENTS)
    return Ticket.objects.get(run__root_id=run.pk)


def _resolve(ticket: Ticket, user: User, kind: ResolutionKind) -> None:
    """Decide a ticket that somebody has held for an hour."""
    claimed = claim_ticket(ticket.pk, user)
    Ticket.objects.filter(pk=ticket.pk).update(claimed_at=read_clock() - timedelta(hours=1))
    said: dict[str, Any] = {"claim_number": claimed.claim_number, "seen_digest": ticket.seen_digest}
    with mute_dispatch():
        resolve_ticket(ticket.pk, user, kind, **said)


def _told() -> list[tuple[str, str]]:
    notices = Notice.objects.filter(happening="used_up").select_related("person")
    return sorted((notice.person.username if notice.person else "", notice.key) for notice in notices)


def test_leads_and_the_channels_of_the_queue_are_told_once_for_each_limit(anna: User, lea: User) -> None:
    ticket = _hold(2)
    pot = Pot.objects.get()
    assert pot.used_up_step == ticket.step_id
    for _ in range(2):
        tell_used_up()
        assert _told() == [("", f"used_up:{pot.pk}:120"), ("lea", f"used_up:{pot.pk}:120")]
    assert {notice.ticket_id for notice in Notice.objects.all()} == {ticket.pk}
    runs.top_up(ticket.run_id, human_minutes=1)
    tell_used_up()
    assert len(_told()) == 2  # what is short by now is told with the next ticket that opens or closes
    _resolve(ticket, anna, ResolutionKind.ABORT)
    tell_used_up()
    assert _told()[1::2] == [("", f"used_up:{pot.pk}:180"), ("lea", f"used_up:{pot.pk}:180")]


def test_a_budget_with_room_is_told_to_nobody(lea: User) -> None:
    _hold(60)
    tell_used_up()
    assert Pot.objects.get().used_up_step is None
    assert _told() == []


def test_of_each_budget_above_a_step_the_leads_of_that_tickets_queue_are_told(lea: User) -> None:
    with override(AGENTS):
        runs.publish(WorkflowSpec(name="small", steps=(StepSpec("draft", agent="test.writer"),)))
    spec = WorkflowSpec(
        name="large", steps=(StepSpec("left", workflow="small", budget=Budget(human_minutes=1)),)
    )
    ticket = _hold(2, spec)
    of_run, of_step = Pot.objects.order_by("pk")
    tell_used_up()
    assert _told() == [
        ("", f"used_up:{of_run.pk}:120"),
        ("", f"used_up:{of_step.pk}:60"),
        ("lea", f"used_up:{of_run.pk}:120"),
        ("lea", f"used_up:{of_step.pk}:60"),
    ]
    assert {notice.ticket_id for notice in Notice.objects.all()} == {ticket.pk}


def test_the_mail_says_what_is_used_up_by_how_much_and_what_to_do(lea: User, mail_to: Any) -> None:
    ticket = _hold(2)
    tell_used_up()
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        plan_notices()
        assert send_due(get_conf().channels["mail"]) == 2
    assert {mail["To"] for mail in mailbox.mails} == {"lea@example.org", "team@example.org"}
    said = (
        "People's time is used up (2 min of people for its run, 3 min of people go beyond it); "
        f"top it up, or end the run of ticket {ticket.pk}"
    )
    assert {mail["Subject"] for mail in mailbox.mails} == {said}
    text = mailbox.mails[0].get_body(("plain",))
    assert text is not None
    assert f"/admin/escalation/ticket/{ticket.pk}/change/" in text.get_content()


def test_a_channel_that_fails_keeps_no_ticket_from_closing_and_is_tried_again(
    anna: User, lea: User, hook_to: Any
) -> None:
    hook_to("http://127.0.0.1:9/")
    ticket = _hold(2)
    ReviewQueue.objects.get().channels.create(channel="hook")
    tell_used_up()
    plan_notices()
    assert send_due(get_conf().channels["hook"]) == 0
    delivery = Delivery.objects.get(channel="hook")
    assert (delivery.sent_at, bool(delivery.last_error)) == (None, True)
    _resolve(ticket, anna, ResolutionKind.APPROVE)
    tell_used_up()
    with receive() as receiver:
        hook_to(receiver.url)
        Delivery.objects.update(due_at=delivery.made_at)
        assert send_due(get_conf().channels["hook"]) == 1
    assert len(receiver.received) == 1


def test_what_was_told_is_marked_with_the_notice_or_not_at_all(
    lea: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hold(2)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("odd")

    with monkeypatch.context() as broken:
        broken.setattr("escalation.escrow.alarming.announce", fail)
        tell_used_up()
    assert _told() == []
    assert Pot.objects.get().used_up_step is not None
    tell_used_up()
    assert len(_told()) == 2
