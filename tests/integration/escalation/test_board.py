"""The board: who sees which queues, the same figures by every door, and a number of statements that does not grow."""

import json
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from escalation.checks import check_channels
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.figures import Period, build_board, fold_hours, foresee_tickets, summarise_board
from escalation.figures.folding import HOUR, begin_hour
from escalation.models import Delivery, Forecast, QueueChannel, ReviewQueue, Ticket, read_clock
from orchestration.domain.states import ResolutionKind
from orchestration.models import Project
from orchestration.selectors.scope import call_as
from tests.integration.escalation.desk import hold
from tests.integration.escalation.figured import place_ticket
from tests.people import make_member

pytestmark = pytest.mark.django_db
PAGE = "/admin/board/"
_AUDIT: dict[str, Any] = {"subject": "audit", "rule": "audit_sample"}


@pytest.fixture
def past() -> datetime:
    return begin_hour(read_clock()) - 3 * HOUR + timedelta(minutes=10)


@pytest.fixture
def lead(db: None) -> User:
    return make_member("lea", "admin")


def _sign_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def _show(person: User, query: str = "") -> str:
    answer = _sign_in(person).get(f"{PAGE}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def _board(person: User) -> dict[str, Any]:
    now = read_clock()
    return summarise_board(build_board(call_as(person), Period.build(now - timedelta(hours=24), now)))


def _fold_all() -> None:
    while fold_hours():
        pass


def test_every_door_shows_the_same_figures(past: datetime, lead: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=lead)
    place_ticket(past, touched=20, resolved=90, by=lead, kind="edit", late=True)
    _fold_all()

    page = _show(lead)
    assert "50.0 %" in page
    answer = _sign_in(lead).get("/api/v1/queues/board").json()
    assert (answer["total"]["resolved"], answer["total"]["sla_share"]) == (2, 0.5)
    assert answer["total"]["by_resolution"] == {"approve": 1, "edit": 1}
    written = StringIO()
    call_command("queue_report", "--json", stdout=written)
    report = json.loads(written.getvalue())
    assert report["total"] == answer["total"]
    assert report["agents"] == answer["agents"]
    sheet = _sign_in(lead).get(f"{PAGE}?csv=queues")
    assert sheet["Content-Type"] == "text/csv; charset=utf-8"
    assert "default,default" in sheet.content.decode()


def test_a_board_tells_of_the_queues_that_one_may_see_and_of_no_other(past: datetime, lead: User) -> None:
    other = Project.objects.create(slug="other", name="Other")
    foreign = ReviewQueue.objects.create(project=other, slug="secret-queue", name="Secret queue")
    place_ticket(past, touched=20, resolved=50, by=lead, queue_id=foreign.pk, rule="secret_rule")
    place_ticket(past, touched=20, resolved=50, by=lead)
    _fold_all()

    board = _board(lead)
    assert board["total"]["resolved"] == 1
    assert "secret" not in json.dumps(board, default=str)
    assert "Secret" not in _show(lead, f"?queue={foreign.pk}")
    assert "secret" not in _sign_in(lead).get(f"{PAGE}?csv=rules").content.decode()
    assert _board(User.objects.create_superuser("root"))["total"]["resolved"] == 2


def test_the_load_of_colleagues_is_told_to_leads_alone(ticket: Ticket, anna: User, lead: User) -> None:
    claim_ticket(ticket.pk, anna)

    assert _board(lead)["reviewers"] == [
        {"reviewer": "anna", "open_claims": 1, "capacity": None, "resolved_last_hour": 0}
    ]
    assert _board(make_member("vic", "viewer"))["reviewers"] == []
    assert "Load per reviewer" in _show(lead)
    assert "Load per reviewer" not in _show(make_member("wim", "viewer"))


def test_who_has_no_queue_has_no_board() -> None:
    person = User.objects.create_user("nobody", is_staff=True)
    assert _sign_in(person).get(PAGE).status_code == 403


def test_an_empty_board_says_what_to_do(lead: User) -> None:
    assert "Choose a longer period" in _show(lead)


def test_what_the_page_does_not_know_counts_as_not_asked(lead: User, ticket: Ticket) -> None:
    assert "Opened" in _show(lead, "?period=never&queue=x&csv=nothing")


def test_the_number_of_statements_does_not_grow(past: datetime, lead: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=lead)
    client = _sign_in(lead)
    client.get(PAGE)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(PAGE)
    for number in range(6):
        queue = ReviewQueue.objects.create(project_id=1, slug=f"q{number}", name=f"Q{number}")
        place_ticket(past, touched=20, resolved=50, by=lead, queue_id=queue.pk, rule=f"rule_{number}")
        hold()
    with CaptureQueriesContext(connection) as many:
        client.get(f"{PAGE}?period=90d")
    assert len(many) == len(few)


def test_a_ticket_that_will_be_late_says_so_once(past: datetime, lead: User, ticket: Ticket) -> None:
    now = read_clock()
    place_ticket(now - timedelta(minutes=30), touched=1, resolved=1501, by=lead)

    assert foresee_tickets() == 1
    assert foresee_tickets() == 0
    forecast = Forecast.objects.get(ticket=ticket)
    assert forecast.ahead == 0
    assert forecast.pace == pytest.approx(1 / 1500)
    assert forecast.predicted_breach_at == ticket.due_at
    assert forecast.expected_at is not None
    assert forecast.expected_at - forecast.made_at == timedelta(seconds=1500)
    backlog = {row["queue"]: row for row in _board(lead)["backlog"]}[ticket.queue.slug]
    assert (backlog["predicted_breaches"], backlog["predicted_breach_at"]) == (1, ticket.due_at)


def test_the_run_and_the_ticket_say_that_it_will_be_late(lead: User, ticket: Ticket) -> None:
    run_page = reverse("admin:orchestration_run_change", args=(ticket.run_id,))
    browser = _sign_in(lead)
    assert "is decided too late" not in browser.get(run_page).content.decode()
    place_ticket(read_clock() - timedelta(minutes=30), touched=1, resolved=1501, by=lead)
    foresee_tickets()

    assert f"ticket {ticket.pk} is decided too late" in browser.get(run_page).content.decode()
    answer = browser.get(f"/api/v1/tickets/{ticket.pk}").json()
    assert answer["predicted_breach_at"] == answer["due_at"]
    claim_ticket(ticket.pk, lead)
    resolve_ticket(ticket.pk, lead, ResolutionKind.SKIP, claim_number=None, seen_digest=None)
    assert "is decided too late" not in browser.get(run_page).content.decode()


def test_what_is_paused_or_put_off_stands_in_no_line(lead: User, ticket: Ticket) -> None:
    now = read_clock()
    place_ticket(now - timedelta(minutes=30), touched=1, resolved=1501, by=lead)
    early = now - timedelta(minutes=20)
    paused = place_ticket(early, paused_at=early)
    place_ticket(early, snoozed_until=now + timedelta(hours=1), snooze_reason="later")
    place_ticket(early, snoozed_until=now - timedelta(minutes=1), snooze_reason="back")

    assert foresee_tickets() == 2
    assert foresee_tickets() == 0
    assert Forecast.objects.get(ticket=ticket).ahead == 1
    [backlog] = _board(lead)["backlog"]
    assert (backlog["open"], backlog["overdue"]) == (4, 2)
    assert backlog["predicted_wait_seconds"] == pytest.approx(3 * 1500)
    Ticket.objects.filter(pk=paused.pk).update(paused_at=None)
    assert foresee_tickets() == 1


def test_a_person_at_two_queues_is_half_at_each_whoever_looks(lead: User, ticket: Ticket) -> None:
    now = read_clock()
    other = Project.objects.create(slug="other", name="Other")
    foreign = ReviewQueue.objects.create(project=other, slug="elsewhere", name="Elsewhere")
    place_ticket(now - timedelta(minutes=30), touched=0, resolved=100, by=lead)
    place_ticket(now - timedelta(minutes=30), touched=0, resolved=100, by=lead, queue_id=foreign.pk)

    [backlog] = _board(lead)["backlog"]
    assert backlog["reviewers_present"] == 1
    assert backlog["capacity_per_hour"] == pytest.approx(3600 / 100 / 2)


def test_a_ticket_that_will_be_in_time_has_a_forecast_without_a_breach(lead: User, ticket: Ticket) -> None:
    place_ticket(read_clock() - timedelta(minutes=30), touched=1, resolved=11, by=lead)
    foresee_tickets()
    forecast = Forecast.objects.get(ticket=ticket)
    assert forecast.expected_at is not None
    assert forecast.predicted_breach_at is None


def test_however_many_are_free_a_ticket_takes_as_long_as_a_decision(lead: User, ticket: Ticket) -> None:
    for person in (lead, make_member("ida", "reviewer"), make_member("jon", "reviewer")):
        place_ticket(read_clock() - timedelta(minutes=30), touched=0, resolved=1000, by=person)
    foresee_tickets()

    forecast = Forecast.objects.get(ticket=ticket)
    assert forecast.pace == pytest.approx(3 / 1000)
    assert forecast.expected_at is not None
    assert forecast.expected_at - forecast.made_at == timedelta(seconds=1000)


def test_where_nobody_is_there_nothing_is_foretold(ticket: Ticket, lead: User) -> None:
    foresee_tickets()
    forecast = Forecast.objects.get(ticket=ticket)
    assert (forecast.pace, forecast.expected_at, forecast.predicted_breach_at) == (0, None, None)
    assert "nobody is there to decide" in _show(lead)


def test_a_report_is_written_for_people_and_as_csv(past: datetime, lead: User) -> None:
    place_ticket(past, touched=20, resolved=50, by=lead)
    written, told = StringIO(), StringIO()
    call_command("queue_report", "--rebuild", "--part", "agents", stdout=written, stderr=told)
    assert "ESCALATION" in written.getvalue()
    assert "test.writer" in written.getvalue()
    assert told.getvalue().endswith("hours anew.\n")
    sheet = StringIO()
    call_command("queue_report", "--csv", "--part", "time", stdout=sheet)
    assert sheet.getvalue().startswith("at,opened,")


def test_a_report_begins_at_a_time_or_a_span_before_its_end(db: None) -> None:
    def report(*words: str) -> tuple[str, str]:
        out = StringIO()
        call_command("queue_report", "--json", *words, stdout=out)
        told = json.loads(out.getvalue())
        return told["since"], told["until"]

    end = ("--until", "2026-03-02T00:00:00Z")
    assert report("--since", "2026-03-01T02:00:00+02:00", *end) == report("--since", "1d", *end)
    assert report(*end)[0] == "2026-03-01T00:00:00+00:00"
    for since in ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2024-03-02T00:00:00Z"):
        with pytest.raises(CommandError, match="--since: give a time before the end of the period"):
            report("--since", since, *end)


def test_the_board_names_queues_as_people_do(lead: User, ticket: Ticket) -> None:
    ReviewQueue.objects.filter(pk=ticket.queue_id).update(name="Letters to customers")
    page = _show(lead)
    assert '<th scope="row">Letters to customers</th>' in page
    assert f'<th scope="row">{ticket.queue.slug}</th>' not in page
    [queue] = _board(lead)["queues"]
    assert (queue["queue"], queue["title"]) == (ticket.queue.slug, "Letters to customers")
    other = Project.objects.create(slug="shop", name="Shop")
    ReviewQueue.objects.create(project=other, slug="default", name="Default")
    lead.is_superuser = True
    lead.save()
    assert [row["title"] for row in _board(lead)["queues"]] == [
        "Letters to customers (Default)",
        "Default (Shop)",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queue", "nothing"], "--queue: there is no review queue 'nothing'"),
        (["--project", "nothing"], "--project: there is no project 'nothing'"),
        (["--json", "--csv"], "--csv: not together with --json"),
        (["--since", "3w"], "give hours or days"),
        (["--until", "2026-01-01"], "give a time with its zone"),
    ],
)
def test_a_report_that_cannot_be_says_why(arguments: list[str], words: str, db: None) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("queue_report", *arguments)


@pytest.mark.parametrize(
    "query", ["span=3w", "until=2026-01-01", "until=soon", "span=", "part=queues", "span=1h&span=2h"]
)
def test_the_api_refuses_what_it_would_not_obey(query: str, lead: User) -> None:
    answer = _sign_in(lead).get(f"/api/v1/queues/board?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")


def test_a_channel_that_fails_is_told_to_those_who_can_do_something(
    ticket: Ticket, anna: User, lead: User
) -> None:
    now = read_clock()
    Delivery.objects.create(channel="fax", due_at=now, gave_up_at=now, last_error="no line")
    assert "Messages over fax: 1 messages were given up" in _show(lead)
    assert "fax" not in _show(anna)


def test_audits_stand_apart_and_make_no_other_ticket_late(lead: User, ticket: Ticket) -> None:
    now = read_clock()
    place_ticket(now - timedelta(minutes=30), touched=1, resolved=1501, by=lead)
    place_ticket(now - timedelta(minutes=20), touched=1, resolved=3, by=lead, sample_id=1, **_AUDIT)
    audit = place_ticket(now - timedelta(minutes=20), sample_id=2, **_AUDIT)

    assert foresee_tickets() == 1
    assert Forecast.objects.get().ticket == ticket
    assert Forecast.objects.get().ahead == 0
    board = _board(lead)
    [backlog] = board["backlog"]
    assert (backlog["open"], backlog["overdue"], backlog["audits"]) == (1, 0, 1)
    assert (backlog["arrivals_per_hour"], backlog["resolved_last_hour"]) == (5, 1)
    assert backlog["predicted_wait_seconds"] == pytest.approx(2 * 1500)
    assert [row["resolved_last_hour"] for row in board["reviewers"]] == [2]
    assert "1 audits besides" in _show(lead)
    assert audit.subject == "audit"


def test_leads_are_told_of_which_queues_nobody_hears(lead: User, ticket: Ticket, settings: Any) -> None:
    assert "Nobody is told of warnings and missed deadlines of Default" in _show(lead)
    assert "Nobody is told" not in _show(make_member("rita", "reviewer"))

    QueueChannel.objects.create(queue=ticket.queue, channel="fax")
    assert "Nobody is told" not in _show(lead)
    QueueChannel.objects.all().delete()
    mail = {"kind": "mail", "to": ["team@example.org"]}
    settings.RINGMASTER = {**settings.RINGMASTER, "SITE_URL": "http://desk.test", "CHANNELS": {"ops": mail}}
    assert "Nobody is told" not in _show(lead)
    assert check_channels() == []
    settings.RINGMASTER = {**settings.RINGMASTER, "CHANNELS": {}}
    assert [message.id for message in check_channels()] == ["escalation.I001"]
