"""Messages to real servers on loopback: what they say, and what becomes of those that are not taken."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from standardwebhooks import Webhook

from escalation.conf import get_conf
from escalation.domain.notices import Happening
from escalation.models import ChannelState, Delivery, Notice, ReviewQueue, Ticket
from escalation.notify import announce, notify_people, outbox, plan_notices, send_again, send_due
from escalation.notify.outbox import claim_next, mark_sent
from escalation.selectors.channels import find_channel_trouble, look_at_channels
from tests.integration.agents.egress.servers import drip, hang, listen, receive
from tests.integration.notify.conftest import SECRETS
from tests.integration.notify.posts import Mailbox, deliver_to, drop_after_data

pytestmark = pytest.mark.django_db(transaction=True)


def _tell(ticket: Ticket, *people: User, key: str = "k", channels: tuple[str, ...] = (), **more: Any) -> None:
    ids = [person.pk for person in people]
    announce(
        Happening.BREACHED,
        key=key,
        ticket=ticket,
        people=ids,
        channels=channels,
        deadline="resolution",
        **more,
    )
    plan_notices()


def _send(name: str) -> int:
    return send_due(get_conf().channels[name])


def _make_due() -> None:
    Delivery.objects.update(due_at=F("made_at"))
    ChannelState.objects.update(paused_until=None)


def test_a_mail_says_number_queue_question_due_time_and_address(
    ticket: Ticket, anna: User, mail_to: Any
) -> None:
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna)
        assert _send("mail") == 1
    [mail] = mailbox.mails
    delivery = Delivery.objects.get()
    address = f"https://desk.example.org/admin/escalation/ticket/{ticket.pk}/change/"
    assert (mail["To"], mail["From"]) == ("anna@example.org", "desk@example.org")
    assert mail["Subject"] == f"Overdue for its decision: ticket {ticket.pk}"
    assert mail["Message-ID"] == f"<{delivery.pk}@desk.example.org>"
    assert mail["List-Unsubscribe"] == "<https://desk.example.org/admin/escalation/preference/>"
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        for said in (
            ticket.queue.name,
            "step draft of letter",
            f"{ticket.due_at:%Y-%m-%d %H:%M:%S} UTC",
            address,
        ):
            assert said in text, (kind, said)
        assert "Dear Ada" not in text
    assert delivery.sent_at is not None
    assert (delivery.tries, delivery.claim, delivery.last_error) == (1, None, "")


def test_what_is_judged_leaves_the_desk_only_if_the_queue_says_so(
    ticket: Ticket, anna: User, mail_to: Any
) -> None:
    ReviewQueue.objects.update(mail_shows_content=True)
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna)
        _send("mail")
    body = mailbox.mails[0].get_body(("plain",))
    assert body is not None
    assert "Dear Ada" in body.get_content()


def test_no_name_can_forge_a_header_or_turn_the_reading_order(
    ticket: Ticket, anna: User, mail_to: Any
) -> None:
    ReviewQueue.objects.update(name="Team\r\nBcc: eve@example.org\u202e<b>x</b>")
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna)
        forged = "a\r\nBcc: eve@example.org\u202e"
        announce(Happening.ASSIGNED, key="t", people=[anna.pk], ticket=ticket, by=forged)
        plan_notices()
        assert _send("mail") == 2
    for mail in mailbox.mails:
        assert mail["Bcc"] is None
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None
            text = part.get_content()
            assert "\u202e" not in text
            assert "[U+202E]" in text
            assert "\nBcc" not in text
            assert kind == "plain" or "<b>" not in text


@pytest.mark.parametrize(
    "bad", ["", "anna", "a@b@c", "anna@example.org\nBcc: eve@example.org", "Anna <a@example.org>"]
)
def test_an_address_that_is_none_is_given_up_and_blames_no_channel(
    ticket: Ticket, anna: User, mail_to: Any, bad: str
) -> None:
    User.objects.filter(pk=anna.pk).update(email=bad)
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna)
        assert _send("mail") == 0
    delivery = Delivery.objects.get()
    assert (delivery.gave_up_at is not None, delivery.last_error) == (
        True,
        "there is no mail address to send it to",
    )
    assert (ChannelState.objects.get().failures, mailbox.mails) == (0, [])


def test_who_may_no_longer_see_the_ticket_is_not_told(
    ticket: Ticket, anna: User, ben: User, mail_to: Any
) -> None:
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna, ben)
        anna.groups.clear()
        User.objects.filter(pk=ben.pk).update(is_active=False)
        assert _send("mail") == 0
    assert mailbox.mails == []
    assert set(Delivery.objects.values_list("last_error", flat=True)) == {
        "they may no longer see what it is about",
        "the account is gone, or switched off",
    }


def test_a_webhook_is_signed_with_both_secrets(ticket: Ticket, hook_to: Any) -> None:
    with receive() as receiver:
        hook_to(receiver.url)
        _tell(ticket, channels=("hook",), level=2)
        assert _send("hook") == 1
    [(_, headers, body)] = receiver.received
    told, again = (Webhook(secret).verify(body, headers) for secret in SECRETS)
    assert told == again
    notice = Notice.objects.get()
    assert headers["webhook-id"] == str(Delivery.objects.get().pk)
    assert told["type"] == "notice.breached"
    [said] = told["data"]["notices"]
    assert said["id"] == str(notice.pk)
    assert (said["ticket"], said["level"], said["review_queue"]) == (ticket.pk, 2, ticket.queue.name)
    assert said["url"] == f"https://desk.example.org/admin/escalation/ticket/{ticket.pk}/change/"
    assert "content" not in said
    with pytest.raises(Exception, match=r"No matching signature"):
        Webhook("whsec_" + "A" * 43 + "=").verify(body, headers)


def test_what_was_decided_since_is_said(ticket: Ticket, hook_to: Any) -> None:
    with receive() as receiver:
        hook_to(receiver.url)
        _tell(ticket, channels=("hook",))
        Ticket.objects.filter(pk=ticket.pk).update(
            status="withdrawn", withdrawn_at=ticket.due_at, withdrawn_reason="x"
        )
        _send("hook")
    [said] = json.loads(receiver.received[0][2])["data"]["notices"]
    assert said["meanwhile"] == "it was withdrawn since; nothing is left to decide"


@pytest.mark.parametrize("talk", [hang, drip, drop_after_data], ids=["hangs", "drips", "drops"])
def test_a_mail_server_that_does_not_take_it_gets_it_again_under_the_same_id(
    ticket: Ticket, anna: User, mail_to: Any, talk: Any
) -> None:
    with listen(talk) as port:
        mail_to(port, SEND_SECONDS=0.5)
        _tell(ticket, anna)
        assert _send("mail") == 0
    first = Delivery.objects.get()
    assert (first.sent_at, first.gave_up_at, first.claim, first.tries) == (None, None, None, 1)
    assert timedelta(seconds=4) < first.due_at - first.made_at < timedelta(seconds=30)
    assert first.last_error
    assert [line.name for line in find_channel_trouble()] == ["mail"]
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        _make_due()
        assert _send("mail") == 1
    assert [mail["Message-ID"] for mail in mailbox.mails] == [f"<{first.pk}@desk.example.org>"]
    assert find_channel_trouble() == []


def test_a_server_that_is_dead_loses_nothing_and_is_left_alone(
    ticket: Ticket, anna: User, mail_to: Any
) -> None:
    with listen(hang) as port:
        pass
    mail_to(port)
    for number in range(8):
        _tell(ticket, anna, key=f"k{number}")
    assert _send("mail") == 0
    state = ChannelState.objects.get()
    assert state.failures == 5
    assert sum(Delivery.objects.values_list("tries", flat=True)) == 5
    assert _send("mail") == 0
    assert sum(Delivery.objects.values_list("tries", flat=True)) == 5, (
        "while it is left alone, nothing is tried"
    )
    [line] = find_channel_trouble()
    assert (line.waiting, line.failing, line.lost) == (8, 5, 0)
    assert not look_at_channels().is_well

    ChannelState.objects.update(paused_until=F("last_failed_at"))
    assert _send("mail") == 0
    assert sum(Delivery.objects.values_list("tries", flat=True)) == 6, "after the pause one try decides"

    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        ChannelState.objects.update(paused_until=F("last_failed_at"))
        assert _send("mail") == 8, "once it works again, nothing waits for its next try"
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 8
    assert find_channel_trouble() == []
    assert look_at_channels().is_well


@pytest.mark.parametrize(
    ("mailbox", "gave_up"),
    [
        (Mailbox(refuse_recipient="550 no such person"), True),
        (Mailbox(refuse_recipient="450 try later"), False),
        (Mailbox(refuse_data="554 not wanted"), True),
        (Mailbox(refuse_data="451 try later"), False),
    ],
)
def test_what_a_server_refuses_for_good_is_given_up(
    ticket: Ticket, anna: User, mail_to: Any, mailbox: Mailbox, gave_up: bool
) -> None:
    with deliver_to(mailbox) as port:
        mail_to(port)
        _tell(ticket, anna)
        assert _send("mail") == 0
    delivery = Delivery.objects.get()
    assert (delivery.gave_up_at is not None, delivery.sent_at) == (gave_up, None)
    assert (find_channel_trouble()[0].lost, find_channel_trouble()[0].failing) == (
        int(gave_up),
        int(not gave_up),
    )
    assert send_again(delivery.pk, anna) is gave_up


@pytest.mark.parametrize(("status", "gave_up"), [(410, True), (400, False), (302, False), (503, False)])
def test_what_a_receiver_answers_decides(ticket: Ticket, hook_to: Any, status: int, gave_up: bool) -> None:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Retry-After", "3600")
        handler.send_header("Location", "https://elsewhere.example/")
        handler.end_headers()

    with receive(answer) as receiver:
        hook_to(receiver.url)
        _tell(ticket, channels=("hook",))
        assert _send("hook") == 0
    delivery = Delivery.objects.get()
    assert (delivery.gave_up_at is not None) == gave_up
    assert str(status) in delivery.last_error
    assert delivery.due_at - delivery.made_at > timedelta(minutes=50)


def test_a_webhook_to_a_private_address_is_refused_when_it_is_sent(ticket: Ticket, hook_to: Any) -> None:
    with receive() as receiver:
        hook_to(receiver.url, EGRESS_NETWORKS=[])
        _tell(ticket, channels=("hook",))
        assert _send("hook") == 0
        assert receiver.received == []
    delivery = Delivery.objects.get()
    assert "EGRESS_NETWORKS" in delivery.last_error
    assert delivery.gave_up_at is None


def test_who_died_after_sending_lets_it_be_sent_again_under_the_same_id(ticket: Ticket, hook_to: Any) -> None:
    with receive() as receiver:
        hook_to(receiver.url)
        _tell(ticket, channels=("hook",))
        dead = claim_next("hook")
        assert dead is not None
        assert claim_next("hook") is None, "it is leased"
        Delivery.objects.update(claimed_until=F("made_at"))
        assert _send("hook") == 1
        assert mark_sent(dead, "hook") is False, "its claim had run out"
    assert [headers["webhook-id"] for _, headers, _ in receiver.received] == [str(dead.id)]
    assert Delivery.objects.get().tries == 2


def test_a_late_answer_of_the_dead_does_not_undo_the_living(ticket: Ticket, hook_to: Any) -> None:
    hook_to("http://127.0.0.1:9/")
    _tell(ticket, channels=("hook",))
    dead = claim_next("hook")
    Delivery.objects.update(claimed_until=F("made_at"))
    alive = claim_next("hook")
    assert dead is not None
    assert alive is not None
    assert not outbox.mark_failed(dead, "hook", outbox.Failure("late"))
    assert Delivery.objects.get().claim == alive.claim


def test_a_channel_that_hangs_keeps_no_other_waiting(ticket: Ticket, use_channels: Any) -> None:
    stop, got = threading.Event(), threading.Event()

    def take(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(204)
        handler.end_headers()
        got.set()

    with listen(hang) as port, receive(take) as receiver:
        options = {"kind": "webhook", "secrets": SECRETS}
        use_channels(
            {
                "hangs": options | {"url": f"http://127.0.0.1:{port}/"},
                "works": options | {"url": receiver.url},
            },
            SEND_SECONDS=5.0,
        )
        announce(Happening.BREACHED, key="b", ticket=ticket, channels=["hangs", "works"])
        notifier = threading.Thread(target=notify_people, args=(stop,))
        notifier.start()
        try:
            assert got.wait(4)
        finally:
            stop.set()
            notifier.join(30)
    assert not notifier.is_alive()
