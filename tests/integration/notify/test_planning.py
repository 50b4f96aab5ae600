"""From notices to messages: over which channels, once, and together where somebody wants that."""

import threading
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from structlog.testing import capture_logs

from escalation.conf import get_conf
from escalation.domain.notices import Happening
from escalation.models import Delivery, Notice, Preference, QueueChannel, ReviewerProfile, Ticket, read_clock
from escalation.notify import announce, plan_notices, send_due
from escalation.notify.composing import compose
from escalation.notify.outbox import claim_next
from escalation.selectors.channels import look_at_channels
from orchestration import Review
from tests.integration.escalation.desk import LETTER, hold, race
from tests.integration.notify.posts import Mailbox, deliver_to
from tests.integration.orchestration.rig import race as meet
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def channels(use_channels: Any) -> None:
    use_channels({"mail": {"kind": "mail"}, "other": {"kind": "mail"}})


def _tell(ticket: Ticket, *people: User, key: str = "k", level: int = 0) -> None:
    announce(Happening.LEVEL, key=key, ticket=ticket, people=[person.pk for person in people], level=level)


def _planned() -> list[tuple[str, int | None]]:
    return sorted(Delivery.objects.values_list("channel", "person_id"))


def test_who_said_nothing_gets_mail_and_a_notice_is_planned_once(ticket: Ticket, anna: User) -> None:
    _tell(ticket, anna)
    assert [plan_notices(), plan_notices()] == [1, 0]
    assert _planned() == [("mail", anna.pk)]
    assert Notice.objects.get().planned_at is not None


def test_what_a_person_chose_about_the_queue_stands_before_the_rest(
    ticket: Ticket, anna: User, ben: User
) -> None:
    Preference.objects.create(user=anna, channels=["other", "mail"])
    Preference.objects.create(user=ben, is_off=True)
    Preference.objects.create(user=ben, queue=ticket.queue, channels=["other"], from_level=2)
    _tell(ticket, anna, ben, level=1)
    _tell(ticket, ben, key="k2", level=2)
    assert plan_notices() == 3
    assert _planned() == [("mail", anna.pk), ("other", anna.pk), ("other", ben.pk)]


def test_a_queue_chooses_channels_by_what_happened_and_level(ticket: Ticket) -> None:
    for name, chosen in (
        ("all", {}),
        ("breaches", {"happenings": ["breached"]}),
        ("high", {"from_level": 3}),
    ):
        QueueChannel.objects.create(queue=ticket.queue, channel=name, **chosen)
    announce(Happening.LEVEL, key="a", ticket=ticket, to_queue=True, level=2)
    announce(Happening.BREACHED, key="b", ticket=ticket, to_queue=True)
    plan_notices()
    assert [name for name, _ in _planned()] == ["all", "all", "breaches", "high"]


def test_a_queue_that_has_chosen_no_channel_gets_mail(ticket: Ticket, use_channels: Any) -> None:
    team = {"kind": "mail", "to": ["team@example.org"]}
    use_channels({"people": {"kind": "mail"}, "team": team, "second": team})
    announce(Happening.BREACHED, key="b", ticket=ticket, to_queue=True)
    plan_notices()
    assert _planned() == [("team", None)]


def test_without_mail_for_teams_a_queue_that_has_chosen_nothing_is_told_nothing(ticket: Ticket) -> None:
    announce(Happening.BREACHED, key="b", ticket=ticket, to_queue=True)
    assert plan_notices() == 1
    assert _planned() == []


def _send_away(person: User, substitute: User | None) -> None:
    away = read_clock() - timedelta(hours=1)
    ReviewerProfile.objects.create(user=person, absent_from=away, substitute=substitute)


def test_instead_of_somebody_absent_their_substitute_is_told(ticket: Ticket, anna: User, ben: User) -> None:
    _send_away(anna, ben)
    _tell(ticket, anna)
    plan_notices()
    assert _planned() == [("mail", ben.pk)]
    message = compose(Delivery.objects.get().pk)
    assert ("You stand in for", "anna") in message.items[0].facts


def test_a_substitute_is_told_once(ticket: Ticket, anna: User, ben: User) -> None:
    carl = make_member("carl", "reviewer")
    _send_away(anna, ben)
    _send_away(carl, ben)
    _tell(ticket, anna, ben, carl)
    _tell(ticket, anna, carl, key="k2")
    plan_notices()
    assert _planned() == [("mail", ben.pk)] * 2


def test_somebody_absent_is_told_if_nobody_can_be_instead(ticket: Ticket, anna: User, ben: User) -> None:
    carl, stranger = make_member("carl", "reviewer"), User.objects.create_user("stranger")
    _send_away(anna, None)
    _send_away(ben, anna)
    _send_away(carl, stranger)
    _tell(ticket, anna, ben, carl)
    plan_notices()
    assert _planned() == [("mail", person.pk) for person in (anna, ben, carl)]


def test_a_mention_reaches_whom_it_names(ticket: Ticket, anna: User, ben: User) -> None:
    _send_away(anna, ben)
    announce(Happening.MENTIONED, key="m", ticket=ticket, people=[anna.pk])
    plan_notices()
    assert _planned() == [("mail", anna.pk)]


def test_who_is_gone_is_planned_nothing(ticket: Ticket, anna: User) -> None:
    _tell(ticket, anna)
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert plan_notices() == 1
    assert _planned() == []


def test_quiet_hours_and_digests_gather(ticket: Ticket, anna: User) -> None:
    Preference.objects.create(user=anna, digest_minutes=30, urgent_level=3)
    for number in range(3):
        _tell(ticket, anna, key=f"k{number}", level=1)
        plan_notices()
    _tell(ticket, anna, key="urgent", level=3)
    plan_notices()
    gathering = Delivery.objects.get(is_gathering=True)
    assert gathering.notices.count() == 3
    assert timedelta(minutes=29) < gathering.due_at - gathering.made_at <= timedelta(minutes=30)
    assert Delivery.objects.get(is_gathering=False).notices.get().key == "urgent"


def _break_preferences(person: User) -> Preference:
    return Preference.objects.create(
        user=person, quiet_from=time(1), quiet_until=time(2), time_zone="No/Where"
    )


def test_one_notice_that_can_not_be_planned_keeps_no_other(ticket: Ticket, anna: User, ben: User) -> None:
    _tell(ticket, anna, ben)
    _break_preferences(anna)
    assert plan_notices() == 1
    assert _planned() == [("mail", ben.pk)]
    assert Notice.objects.get(planned_at=None).person == anna


def test_however_many_can_not_be_planned_they_keep_no_other_waiting(
    ticket: Ticket,
    anna: User,
    ben: User,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for bound in ("_SHORTEST_WAIT", "_LONGEST_WAIT"):
        monkeypatch.setattr(f"escalation.notify.planning.{bound}", timedelta(hours=1))
    broken = _break_preferences(anna)
    for number in range(250):
        _tell(ticket, anna, key=f"k{number}")
    _tell(ticket, ben)

    assert [plan_notices(), plan_notices()] == [0, 1]

    assert _planned() == [("mail", ben.pk)]
    behind = Notice.objects.filter(planned_at=None)
    assert behind.count() == behind.filter(retry_at__gt=read_clock()).count() == 250
    said = next(record.getMessage() for record in caplog.records)
    assert f"person={anna.pk}" in said
    assert "mend what the error names, such as this person's notifications" in said

    broken.delete()
    assert plan_notices() == 0, "not before its time"
    behind.update(retry_at=read_clock())
    _tell(ticket, ben, key="new")
    assert plan_notices() == 200
    assert Delivery.objects.filter(person=ben).count() == 2, "new ones come first"
    assert [plan_notices(), plan_notices()] == [51, 0]


def test_what_can_not_be_planned_is_tried_more_and_more_seldom_but_for_ever(
    ticket: Ticket, anna: User
) -> None:
    _break_preferences(anna)
    _tell(ticket, anna)
    for age, seconds in ((timedelta(0), 5), (timedelta(minutes=3), 180), (timedelta(days=30), 600)):
        before, wait = read_clock(), timedelta(seconds=seconds)
        Notice.objects.update(made_at=before - age, retry_at=None)
        plan_notices()
        after, retry_at = read_clock(), Notice.objects.get().retry_at
        assert retry_at is not None
        assert before + wait <= retry_at <= after + wait + (after - before)


def test_the_health_of_the_channels_says_what_can_not_be_planned(ticket: Ticket, anna: User) -> None:
    _break_preferences(anna)
    _tell(ticket, anna)
    Notice.objects.update(made_at=read_clock() - timedelta(minutes=3))
    assert "1 notices wait to be sent: see that a maintainer leads" in look_at_channels().said
    plan_notices()
    assert "1 of them as it failed to work out how" in look_at_channels().said
    assert "notice_not_planned" in look_at_channels().said


@pytest.mark.django_db(transaction=True)
def test_a_digest_is_one_mail_and_what_comes_later_begins_another(
    ticket: Ticket, anna: User, mail_to: Any
) -> None:
    mailbox = Mailbox()
    with deliver_to(mailbox) as port:
        mail_to(port)
        Preference.objects.create(user=anna, digest_minutes=30)
        for number in (1, 2):
            _tell(ticket, anna, key=f"k{number}")
        plan_notices()
        Delivery.objects.update(due_at=ticket.opened_at)
        assert send_due(get_conf().channels["mail"]) == 1
        _tell(ticket, anna, key="k3")
        plan_notices()
    [mail] = mailbox.mails
    assert mail["Subject"].startswith("2 messages from the desk")
    assert [d.notices.count() for d in Delivery.objects.order_by("made_at")] == [2, 1]


@pytest.mark.django_db(transaction=True)
def test_two_planners_at_once_plan_each_notice_once(ticket: Ticket, anna: User, ben: User) -> None:
    Preference.objects.create(user=anna, digest_minutes=30)
    for number in range(4):
        _tell(ticket, anna, ben, key=f"k{number}")
    answers = race([plan_notices] * 3)
    while plan_notices():
        pass
    assert [a for a in answers if isinstance(a, Exception)] == []
    assert Notice.objects.filter(planned_at=None).count() == 0
    assert Delivery.objects.filter(person=ben).count() == 4
    assert sum(d.notices.count() for d in Delivery.objects.filter(person=anna)) == 4


@pytest.mark.django_db(transaction=True)
def test_a_second_planner_leaves_alone_what_the_first_is_at(ticket: Ticket, anna: User) -> None:
    _tell(ticket, anna)
    with capture_logs() as lines:
        assert meet(plan_notices, plan_notices) == 0
    assert lines == []
    assert _planned() == [("mail", anna.pk)]


@pytest.mark.django_db(transaction=True)
def test_what_gathers_is_claimed_by_no_sender_while_a_planner_adds_to_it(ticket: Ticket, anna: User) -> None:
    Preference.objects.create(user=anna, digest_minutes=30)
    _tell(ticket, anna, key="k1")
    plan_notices()
    Delivery.objects.update(due_at=ticket.opened_at)
    _tell(ticket, anna, key="k2")
    assert meet(plan_notices, lambda: claim_next("mail")) is None
    assert Delivery.objects.get().notices.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_gathers_is_not_sent_while_something_is_added(ticket: Ticket, anna: User, mail_to: Any) -> None:
    """Else what is added would stand in a message that was sent without it."""
    mail_to(9)
    Preference.objects.create(user=anna, digest_minutes=30)
    _tell(ticket, anna, key="k1")
    plan_notices()
    Delivery.objects.update(due_at=ticket.opened_at)
    sent: list[int] = []

    def send() -> None:
        sent.append(send_due(get_conf().channels["mail"]))
        connection.close()

    with transaction.atomic():
        Delivery.objects.select_for_update().get()
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(timeout=30)
    assert sent == [0]
    assert Delivery.objects.get().tries == 0


def test_a_message_asks_the_question_of_the_step(anna: User) -> None:
    asked = replace(LETTER.steps[1], review=Review(question="Is the lamp the right one?"))
    (ticket,) = hold(replace(LETTER, steps=(LETTER.steps[0], asked, LETTER.steps[2])))
    _tell(ticket, anna)
    plan_notices()
    message = compose(Delivery.objects.get().pk)
    assert ("Question", "Is the lamp the right one?") in message.items[0].facts
