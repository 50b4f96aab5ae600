"""Who saw and did what: written before it is shown, read by auditors, taken along as JSON lines and CSV."""

import csv
import io
import json
import os
import pwd
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import DatabaseError
from django.test import Client

from escalation.audit import enter, record, record_seen
from escalation.audit import lines as audit_lines
from escalation.audit.reading import scope_audit
from escalation.domain.acts import Act, Door
from escalation.errors import AuditUnavailable
from escalation.escrow import claim_ticket
from escalation.management.base import DeskCommand
from escalation.models import AuditLine, ReviewQueue, Ticket
from orchestration.domain.sheets import guard_cell
from orchestration.selectors.scope import call_as
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db
API = "/api/v1/tickets"


@pytest.fixture
def ticket() -> Ticket:
    return hold()[0]


@pytest.fixture
def ada() -> User:
    return make_member("ada", "admin")


def _sign_in(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def _page(ticket: Ticket, rest: str = "change/") -> str:
    return f"/admin/escalation/ticket/{ticket.pk}/{rest}"


def _seen() -> list[tuple[str, str, str, int | None]]:
    rows = AuditLine.objects.filter(act=Act.SAW).order_by("pk")
    return list(rows.values_list("actor_name", "door", "digest", "ticket"))


@pytest.mark.parametrize(
    ("address", "door"),
    [
        ("/admin/escalation/ticket/{}/change/", "console"),
        ("/admin/escalation/ticket/{}/whole/proposal/", "console"),
        ("/admin/escalation/ticket/{}/whole/proposal/?download=1", "console"),
        ("/api/v1/tickets/{}", "api"),
    ],
)
def test_who_is_shown_a_proposal_is_written_down_once_an_hour(
    address: str, door: str, ticket: Ticket, ada: User
) -> None:
    for _ in range(3):
        assert _sign_in(ada).get(address.format(ticket.pk)).status_code == 200
    assert _seen() == [("ada", door, ticket.seen_digest, ticket.pk)]


def test_each_of_several_alike_tickets_that_are_shown_whole_is_written_down(
    ticket: Ticket, ada: User, ben: User
) -> None:
    # given: one of them is somebody else's, so that it is left out and not shown
    alike, bens = hold()[0], hold()[0]
    claim_ticket(bens.pk, ben)

    body = {"tickets": [ticket.pk, alike.pk, bens.pk]}
    answer = _sign_in(ada).post(f"{API}/{ticket.pk}/alike/claim", body, content_type="application/json")

    assert [one["claimed"] is not None for one in answer.json()] == [True, True, False]
    assert _seen() == [("ada", "api", one.seen_digest, one.pk) for one in (ticket, alike)]


@pytest.mark.parametrize("address", ["/admin/escalation/ticket/", "/admin/escalation/ticket/?q=lamp", API])
def test_lists_and_search_are_not_written_down(address: str, ticket: Ticket, ada: User) -> None:
    assert _sign_in(ada).get(address).status_code == 200
    assert _seen() == []


def test_whoever_may_not_see_leaves_no_line(ticket: Ticket) -> None:
    nora = User.objects.create_user("nora", is_staff=True)
    assert _sign_in(nora).get(f"{API}/{ticket.pk}").status_code == 403
    assert _seen() == []


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/admin/escalation/ticket/{}/change/"),
        ("get", "/admin/escalation/ticket/{}/whole/proposal/"),
        ("get", "/api/v1/tickets/{}"),
        ("post", "/api/v1/tickets/{}/claim"),
    ],
)
def test_what_can_t_be_written_down_is_not_shown(
    method: str, address: str, ticket: Ticket, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = audit_lines._write

    def refuse(act: Act, *rest: Any) -> None:
        if act is Act.SAW:
            raise DatabaseError("read-only")
        real(act, *rest)

    monkeypatch.setattr(audit_lines, "_write", refuse)
    answer = getattr(_sign_in(ada), method)(address.format(ticket.pk))

    text = answer.content.decode()
    assert (
        answer.status_code,
        "on its way" in text,
        "can&#x27;t be shown" in text or "can't be shown" in text,
    ) == (
        503,
        False,
        True,
    )


def test_a_command_says_whose_shell_it_was(ticket: Ticket, ada: User) -> None:
    call_command("claim_ticket", ticket.pk, "--as", "ada", "--json", stdout=io.StringIO())
    line = AuditLine.objects.filter(act=Act.SAW).get()
    assert (line.actor, line.door, line.address) == (ada, "command", pwd.getpwuid(os.getuid()).pw_name)


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("claim_ticket", ()),
        ("assign_ticket", ("--to", "ben")),
        ("resolve_ticket", ("--resolution", "approve")),
    ],
)
def test_each_command_that_shows_a_ticket_whole_writes_down_who_saw_it(
    command: str, rest: tuple[str, ...], ticket: Ticket, ada: User, ben: User
) -> None:
    shown = io.StringIO()
    call_command(command, ticket.pk, "--as", "ada", *rest, "--json", stdout=shown)
    assert "on its way" in shown.getvalue()
    assert _seen() == [("ada", "command", ticket.seen_digest, ticket.pk)]


@pytest.mark.parametrize(("looker", "name"), [(("--as", "ada"), "ada"), ((), "engine")])
@pytest.mark.parametrize("command", ["list_tickets", "show_run"])
def test_a_command_that_shows_proposals_tells_who_looked_or_whose_shell_it_was(
    command: str, looker: tuple[str, ...], name: str, ticket: Ticket, ada: User
) -> None:
    which = [str(ticket.run_id)] if command == "show_run" else []
    for _ in range(2):
        shown = io.StringIO()
        call_command(command, *which, *looker, "--json", stdout=shown)
        assert "on its way" in shown.getvalue()
    assert _seen() == [(name, "command", ticket.seen_digest, ticket.pk)]
    assert AuditLine.objects.get(act=Act.SAW).address == pwd.getpwuid(os.getuid()).pw_name
    for words in ((), ("--claimed-by", "ada")) if command == "list_tickets" else ((),):
        call_command(command, *which, *words, stdout=io.StringIO())
    assert len(_seen()) == 1, "what shows no proposal tells nothing"


@pytest.mark.parametrize("command", ["list_tickets", "show_run"])
def test_a_command_that_can_t_tell_shows_nothing(
    command: str, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(audit_lines, "_write", refuse)
    shown = io.StringIO()
    which = [str(ticket.run_id)] if command == "show_run" else []
    with pytest.raises(CommandError, match="audit can't be"):
        call_command(command, *which, "--json", stdout=shown)
    assert "on its way" not in shown.getvalue()


def test_nobody_sees_through_another_door_without_a_name(ticket: Ticket) -> None:
    with enter(Door.API), pytest.raises(AuditUnavailable):
        record_seen(ticket, None)


def test_every_command_of_the_desk_comes_through_its_door() -> None:
    ours = [name for name, app in get_commands().items() if app == "escalation"]
    assert {"claim_ticket", "export_audit", "list_tickets", "resolve_ticket"} <= set(ours)
    assert [
        name for name in ours if not isinstance(load_command_class("escalation", name), DeskCommand)
    ] == []


def test_auditors_read_their_queues_only(ticket: Ticket, ada: User) -> None:
    other = ReviewQueue.objects.create(project=ticket.queue.project, slug="vip", name="VIP")
    record(Act.CLAIMED, ada, ticket=ticket)
    record(Act.CHANGED, ada, queue=other)
    record(Act.CHANGED, ada, calendar="all")
    people = {
        "auditor": give_role(User.objects.create_user("aud", is_staff=True), other, "auditor"),
        "lead": give_role(User.objects.create_user("lea", is_staff=True), other, "lead"),
        "admin": ada,
        "viewer": make_member("vera", "viewer"),
        "root": User.objects.create_superuser("root"),
    }
    read = {name: scope_audit(call_as(person)).count() for name, person in people.items()}
    assert read == {"auditor": 1, "lead": 0, "admin": 2, "viewer": 0, "root": 3}
    api = {name: len(_sign_in(p).get("/api/v1/audit").json()["results"]) for name, p in people.items()}
    assert api == read
    pages = {name: _sign_in(p).get("/admin/escalation/auditline/").status_code for name, p in people.items()}
    assert pages == {"auditor": 200, "lead": 403, "admin": 200, "viewer": 403, "root": 200}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("person=ada", 1),
        ("person=bob", 0),
        ("act=claimed", 1),
        ("act=resolved", 0),
        ("queue=default", 1),
        ("queue=vip", 0),
        ("since=2999-01-01T00:00:00Z", 0),
        ("until=2999-01-01T00:00:00Z", 1),
    ],
)
def test_the_audit_is_narrowed(query: str, found: int, ticket: Ticket, ada: User) -> None:
    record(Act.CLAIMED, ada, ticket=ticket)
    assert len(_sign_in(ada).get(f"/api/v1/audit?{query}").json()["results"]) == found


def _export(*words: str) -> str:
    out = io.StringIO()
    call_command("export_audit", "--as", "ada", *words, stdout=out)
    return out.getvalue()


def test_an_export_is_exact_and_told(ticket: Ticket, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalation.audit.reading._TOGETHER", 2)
    for number in range(5):
        record(Act.COMMENTED, ada, ticket=ticket, digest="0" * 64, words=f"={number}\u2028")
    told = [json.loads(line) for line in _export().splitlines()]
    assert [line["data"]["words"] for line in told] == [f"={number}\u2028" for number in range(5)]
    assert (told[0]["person"], told[0]["ticket"], told[0]["queue"]) == ("ada", ticket.pk, "default")
    line = AuditLine.objects.get(act=Act.EXPORTED)
    assert (line.actor, line.door, json.loads(line.data_json)) == (
        ada,
        "command",
        {"form": "jsonl", "asked_for": {}},
    )


def test_no_cell_of_a_csv_is_a_formula(ticket: Ticket) -> None:
    make_member("ada", "admin")
    evil = User.objects.create_user("=cmd|' /C calc'!A0")
    record(Act.CLAIMED, evil, ticket=ticket)
    head, row = csv.reader(io.StringIO(_export("--format", "csv", "--act", "claimed")))
    assert dict(zip(head, row, strict=True))["person"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert (guard_cell(text), guard_cell("x" + text)) == ("'" + text, "x" + text)


def test_an_export_is_narrowed_by_a_time_or_by_a_span(ticket: Ticket, ada: User) -> None:
    record(Act.CLAIMED, ada, ticket=ticket)
    for since in ("1h", "2020-01-01", "2020-01-01T00:00:00Z"):
        assert "claimed" in _export("--since", since), since
        assert "claimed" not in _export("--until", since), since


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "yesterday"), "--since"),
        (("--queue", "none"), "--queue"),
        (("--until", "2026-13-40"), "--until"),
    ],
)
def test_a_filter_that_can_t_be_read_is_named(words: tuple[str, ...], told: str, ada: User) -> None:
    with pytest.raises(CommandError, match=told):
        _export(*words)
    assert not AuditLine.objects.exists()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_the_console_sends_what_the_person_may_read(form: str, ticket: Ticket, ada: User) -> None:
    other = ReviewQueue.objects.create(project=ticket.queue.project, slug="vip", name="VIP")
    record(Act.CLAIMED, ada, ticket=ticket)
    record(Act.CHANGED, ada, queue=other)
    auditor = give_role(User.objects.create_user("aud", is_staff=True), other, "auditor")
    address = f"/admin/escalation/auditline/export/{form}/"
    text = b"".join(_sign_in(auditor).post(address)).decode()
    assert ("changed" in text, "claimed" in text) == (True, False)
    assert AuditLine.objects.get(act=Act.EXPORTED).actor == auditor
    assert _sign_in(auditor).get(address).status_code == 405
    assert _sign_in(make_member("vera", "viewer")).post(address).status_code == 403


def test_an_export_that_can_t_be_told_is_none(
    ada: User, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(Act.CLAIMED, ada, ticket=ticket)

    def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr("escalation.audit.reading.record", refuse)
    out = io.StringIO()
    with pytest.raises(CommandError, match="nothing is exported"):
        call_command("export_audit", "--as", "ada", stdout=out)
    assert out.getvalue() == ""
