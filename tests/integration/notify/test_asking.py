"""What people ask of the notifier in the console and at the shell: how it does, send again, a test."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from escalation.domain.notices import Happening
from escalation.models import (
    AuditLine,
    ChannelState,
    ClockTimestamp,
    Delivery,
    Preference,
    QueueChannel,
    Ticket,
)
from escalation.notify import announce, plan_notices
from tests.people import make_member

pytestmark = pytest.mark.django_db
_LIST = "admin:escalation_delivery_changelist"


@pytest.fixture(autouse=True)
def channels(use_channels: Any) -> None:
    use_channels({"mail": {"kind": "mail", "to": ["team@example.org"]}, "other": {"kind": "mail"}})


@pytest.fixture
def admin_client(db: None) -> Client:
    client = Client()
    client.force_login(make_member("boss", "admin"))
    return client


def _lose(ticket: Ticket, *people: User) -> Delivery:
    announce(
        Happening.BREACHED,
        key="k",
        ticket=ticket,
        people=[p.pk for p in people],
        channels=[] if people else ["mail"],
    )
    plan_notices()
    Delivery.objects.update(gave_up_at=ClockTimestamp(), last_error="550 no\u202esuch person", tries=20)
    return Delivery.objects.get()


def test_the_page_says_how_channels_do_and_sends_again(
    ticket: Ticket, anna: User, admin_client: Client
) -> None:
    lost = _lose(ticket, anna)
    page = admin_client.get(reverse(_LIST)).content.decode()
    assert "1 messages were given up: look at why, then send them again." in page
    assert "550 no" in page
    assert "\u202e" not in page
    answer = admin_client.post(reverse("admin:escalation_delivery_again", args=[lost.pk]), follow=True)
    assert "The message is sent again." in answer.content.decode()
    lost.refresh_from_db()
    assert (lost.gave_up_at, lost.tries) == (None, 0)
    line = AuditLine.objects.get(act="told")
    assert (line.actor_name, json.loads(line.data_json)["message"]) == ("boss", str(lost.pk))


def test_people_see_their_own_messages_only(ticket: Ticket, anna: User, ben: User) -> None:
    lost = _lose(ticket, anna)
    client = Client()
    client.force_login(ben)
    page = client.get(reverse(_LIST)).content.decode()
    assert "550" not in page
    answer = client.post(reverse("admin:escalation_delivery_again", args=[lost.pk]), follow=True)
    assert "nothing was changed" in answer.content.decode()
    answer = client.post(reverse("admin:escalation_delivery_test"), {"channel": "mail"}, follow=True)
    assert "not yours to try" in answer.content.decode()
    lost.refresh_from_db()
    assert lost.gave_up_at is not None
    client.force_login(anna)
    assert "550" in client.get(reverse(_LIST)).content.decode()


def test_a_test_comes_at_once_whatever_the_hour(anna: User, admin_client: Client) -> None:
    Preference.objects.create(user=anna, digest_minutes=60, channels=["other"])
    client = Client()
    client.force_login(anna)
    client.post(reverse("admin:escalation_delivery_test"))
    admin_client.post(reverse("admin:escalation_delivery_test"), {"channel": "mail"})
    assert plan_notices() == 2
    assert set(Delivery.objects.values_list("channel", "person_id", "is_gathering")) == {
        ("other", anna.pk, False),
        ("mail", None, False),
    }


def test_getting_changes_nothing(ticket: Ticket, anna: User, admin_client: Client) -> None:
    lost = _lose(ticket, anna)
    assert admin_client.get(reverse("admin:escalation_delivery_again", args=[lost.pk])).status_code == 405
    assert admin_client.get(reverse("admin:escalation_delivery_test")).status_code == 405


def test_a_person_changes_their_own_lines_and_no_others(ticket: Ticket, anna: User, ben: User) -> None:
    client = Client()
    client.force_login(anna)
    given = {
        "queue": "",
        "channels": ["other"],
        "from_level": "0",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "time_zone": "Europe/Berlin",
        "digest_minutes": "0",
    }
    add = reverse("admin:escalation_preference_add")
    assert client.post(add, given).status_code == 302
    mine = Preference.objects.get()
    assert (mine.user, mine.queue, mine.channels, mine.time_zone) == (anna, None, ["other"], "Europe/Berlin")
    page = client.post(add, given).content.decode()
    assert "There is a line about this already" in page
    for field, value, said in (
        ("time_zone", "Mars/Base", "There is no time zone"),
        ("quiet_until", "", "Quiet hours need a beginning and another end"),
        ("digest_minutes", "99999", "1440"),
        ("channels", ["nothing"], "nothing"),
    ):
        answer = client.post(
            reverse("admin:escalation_preference_change", args=[mine.pk]), given | {field: value}
        )
        assert answer.status_code == 200, field
        assert said in answer.content.decode(), field
    client.force_login(ben)
    assert "Europe" not in client.get(reverse("admin:escalation_preference_changelist")).content.decode()
    assert (
        client.post(reverse("admin:escalation_preference_change", args=[mine.pk]), given).status_code == 404
    )
    assert client.get(reverse("admin:escalation_preference_delete", args=[mine.pk])).status_code == 404
    mine.refresh_from_db()
    assert mine.user == anna


def test_a_queue_s_admins_choose_its_channels(ticket: Ticket, admin_client: Client) -> None:
    page = admin_client.get(
        reverse("admin:escalation_reviewqueue_change", args=[ticket.queue_id])
    ).content.decode()
    assert 'name="channels-TOTAL_FORMS"' in page
    QueueChannel.objects.create(queue=ticket.queue, channel="mail")


def test_the_command_lists_sends_again_and_tests(ticket: Ticket, anna: User) -> None:
    lost = _lose(ticket, anna)

    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("notices", *arguments, stdout=out)
        return out.getvalue()

    assert run() == "No such messages.\n"
    [row] = json.loads(run("--state", "lost", "--json"))
    assert (row["id"], row["person"], row["last_error"]) == (
        str(lost.pk),
        "anna",
        "550 no[U+202E]such person",
    )
    assert str(lost.pk) in run("--state", "all", "--channel", "mail")
    for arguments, said in (
        (("--resend", "all"), "--as: say who acts"),
        (("--resend", "x", "--as", "anna"), "is no message's id"),
        (("--resend", "all", "--channel", "other", "--as", "anna"), "no such message was given up"),
    ):
        with pytest.raises(CommandError, match=said):
            run(*arguments)
    assert run("--resend", "all", "--as", "anna") == "1 message is tried again.\n"
    assert json.loads(run("--json"))[0]["state"] == "failed before"
    run("--test", "--as", "anna")
    assert plan_notices() == 1


def test_health_says_how_channels_do(ticket: Ticket, anna: User) -> None:
    out, err = StringIO(), StringIO()
    call_command("health", "channels", stdout=out)
    assert out.getvalue() == "Messages to people go out.\n"
    _lose(ticket, anna)
    with pytest.raises(SystemExit):
        call_command("health", "channels", stderr=err)
    assert "Channel mail: 1 messages were given up" in err.getvalue()
    with pytest.raises(CommandError, match=r"nothing called 'nobody'; known: worker, maintain, channels"):
        call_command("health", "nobody")


def test_a_channel_that_is_gone_from_the_settings_shows(ticket: Ticket) -> None:
    announce(Happening.BREACHED, key="k", ticket=ticket, channels=["gone"])
    plan_notices()
    ChannelState.objects.create(name="gone")
    err = StringIO()
    with pytest.raises(SystemExit):
        call_command("health", "channels", stderr=err)
    assert (
        "Channel gone: 1 messages wait for it, but RINGMASTER['CHANNELS'] has no such channel"
        in err.getvalue()
    )
