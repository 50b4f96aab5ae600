"""What a person at a shell does with one ticket, told in the audit as theirs and as their system's user's."""

import io
import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from escalation.audit.origin import find_system_user
from escalation.escrow import claim_ticket
from escalation.models import AuditLine, Comment, SnoozeReason, Ticket
from tests.integration.escalation.clocks import give_calendar, make_calendar

pytestmark = pytest.mark.django_db


def _run(*arguments: object) -> str:
    out = io.StringIO()
    call_command(*(str(argument) for argument in arguments), stdout=out, stderr=out)
    return out.getvalue()


def _last() -> AuditLine:
    return AuditLine.objects.latest("pk")


def test_clocks_are_stopped_and_let_go_on(ticket: Ticket, anna: User) -> None:
    said = _run("pause_ticket", ticket.pk, "--as", "anna", "--reason", "asked back", "--until", "2h")

    until = f"{ticket.pauses.get().resume_at:%Y-%m-%d %H:%M:%S} UTC"
    assert f"The clocks of ticket {ticket.pk} stand since" in said
    assert f"; they go on at {until}, or before if resume_ticket says so." in said
    line = _last()
    assert (line.act, line.actor_name, line.door, line.address) == (
        "paused",
        "anna",
        "command",
        find_system_user(),
    )
    with pytest.raises(CommandError, match=r"stand still since .* UTC\. resume_ticket lets clocks go on"):
        _run("pause_ticket", ticket.pk, "--as", "anna", "--reason", "again")
    shown = json.loads(_run("resume_ticket", ticket.pk, "--as", "anna", "--json"))
    assert shown["due_at"] > ticket.due_at.isoformat()
    assert (_last().act, _last().actor_name) == ("saw", "anna")
    with pytest.raises(CommandError, match="nothing to resume"):
        _run("resume_ticket", ticket.pk, "--as", "anna")
    assert "; resume_ticket lets them go on." in _run(
        "pause_ticket", ticket.pk, "--as", "anna", "--reason", "again"
    )


def test_a_ticket_goes_by_its_queues_calendar_of_today(ticket: Ticket, anna: User) -> None:
    with pytest.raises(CommandError, match="newest calendar of its queue already"):
        _run("replan_ticket", ticket.pk, "--as", "anna")
    give_calendar(make_calendar())

    assert f"Ticket {ticket.pk} goes by Office, version 1" in _run("replan_ticket", ticket.pk, "--as", "anna")
    assert _last().act == "replanned"


def test_a_ticket_is_put_off_and_brought_back(ticket: Ticket, anna: User) -> None:
    with pytest.raises(CommandError, match=r"You hold no live claim .* claim_ticket gives a claim"):
        _run("snooze_ticket", ticket.pk, "--as", "anna", "--until", "3h", "--reason", "later")
    claim_ticket(ticket.pk, anna)
    SnoozeReason.objects.create(queue=ticket.queue, code="customer", label="Customer", stops_clock=True)
    with pytest.raises(
        CommandError, match="--reason-code: this queue has no reason 'x'; known are: customer"
    ):
        _run(
            "snooze_ticket", ticket.pk, "--as", "anna", "--until", "3h", "--reason", "l", "--reason-code", "x"
        )
    with pytest.raises(CommandError, match="--until: give a time that is to come"):
        _run("snooze_ticket", ticket.pk, "--as", "anna", "--until", "2020-01-01T00:00:00Z", "--reason", "l")

    said = _run(
        "snooze_ticket",
        ticket.pk,
        "--as",
        "anna",
        "--until",
        "3h",
        "--reason",
        "l",
        "--reason-code",
        "customer",
    )

    assert "its clocks stand still meanwhile" in said
    assert "waits with the others" in _run("wake_ticket", ticket.pk, "--as", "anna")
    ticket.refresh_from_db()
    assert (ticket.snoozed_until, ticket.paused_at) == (None, None)
    with pytest.raises(CommandError, match="not put off"):
        _run("wake_ticket", ticket.pk, "--as", "anna")


@pytest.mark.parametrize("until", ["soon", "2026-11-30T09:00:00", "2h30", "-3h", "9" * 400 + "h"])
def test_a_time_that_is_none_is_refused_before_anything_is_done(
    ticket: Ticket, anna: User, until: str
) -> None:
    with pytest.raises(CommandError, match="--until"):
        _run("pause_ticket", ticket.pk, "--as", "anna", "--reason", "r", f"--until={until}")
    assert not AuditLine.objects.filter(act="paused").exists()


def test_a_claim_is_given_back(ticket: Ticket, anna: User) -> None:
    with pytest.raises(CommandError, match="assign_ticket takes a ticket from whoever has it"):
        _run("release_ticket", ticket.pk, "--as", "anna")
    claim_ticket(ticket.pk, anna)

    assert "is free again" in _run("release_ticket", ticket.pk, "--as", "anna", "--note", "lunch")

    ticket.refresh_from_db()
    assert ticket.claimed_by is None
    assert json.loads(_last().data_json)["note"] == "lunch"


def test_a_comment_is_kept_and_says_who_was_not_told(ticket: Ticket, anna: User) -> None:
    said = _run("comment_ticket", ticket.pk, "--as", "anna", "--text", "@eve is this the lamp?")

    assert "Nobody was told as @eve" in said
    assert Comment.objects.get().text == "@eve is this the lamp?"
    with pytest.raises(CommandError, match="--text: write something first"):
        _run("comment_ticket", ticket.pk, "--as", "anna", "--text", " ")
