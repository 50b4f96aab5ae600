"""Calendars in the console, and what a ticket's page says of its clocks."""

from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client

from escalation.escrow import pause_ticket
from escalation.models import Calendar, CalendarVersion, Ticket
from escalation.selectors.inbox import count_breaching, count_inbox
from orchestration.models import Project
from tests.integration.escalation.clocks import at, at_time, give_calendar, make_calendar
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db
ADD = "/admin/escalation/calendar/add/"


@pytest.fixture
def boss(db: None) -> User:
    return make_member("boss", "admin")


def _form(**changes: str) -> dict[str, Any]:
    project = Project.objects.get(slug="default")
    week = {"mon": "09:00-12:30, 13:30-17:00", "fri": "09:00-15:00"}
    return {
        "project": project.pk,
        "name": "Office",
        "time_zone": "Europe/Berlin",
        "holidays": "",
        **week,
        **changes,
    }


def test_an_admin_makes_a_calendar_and_changes_it(client: Client, boss: User) -> None:
    client.force_login(boss)
    made = client.post(ADD, _form(holidays="2026-12-24 09:00-12:00 Christmas Eve"))
    assert made.status_code == 302, made.content

    calendar = Calendar.objects.get()
    assert calendar.current is not None
    assert calendar.current.hours == {"fri": ["09:00-15:00"], "mon": ["09:00-12:30", "13:30-17:00"]}
    page = client.get(f"/admin/escalation/calendar/{calendar.pk}/change/").content.decode()
    assert "09:00-12:30, 13:30-17:00" in page
    assert "2026-12-24 09:00-12:00 Christmas Eve" in page
    assert "with 5 min:" in page
    assert "(Europe/Berlin)" in page

    client.post(f"/admin/escalation/calendar/{calendar.pk}/change/", _form(sat="10:00-12:00"))
    assert CalendarVersion.objects.count() == 2
    calendar.refresh_from_db()
    assert calendar.current.number == 2
    assert calendar.current.made_by_name == "boss"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mon": "22:00-06:00"}, "Monday: 22:00-06:00 ends before it begins"),
        ({"mon": "", "fri": ""}, "Open hours: no day of the week has open hours"),
        ({"holidays": "soon"}, "line 1 begins with no day"),
        ({"holidays": "2026-13-01"}, "Holidays, line 1: write the day like 2026-12-25"),
    ],
)
def test_what_makes_no_sense_is_told_at_its_field(
    client: Client, boss: User, wrong: dict[str, str], words: str
) -> None:
    client.force_login(boss)

    answer = client.post(ADD, _form(**wrong))

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Calendar.objects.count() == 0


def test_a_reviewer_changes_no_calendar(client: Client, anna: User) -> None:
    calendar = make_calendar()
    client.force_login(anna)

    assert client.get(ADD).status_code == 403
    client.post(f"/admin/escalation/calendar/{calendar.pk}/change/", _form(sat="10:00-12:00"))
    assert CalendarVersion.objects.count() == 1


def test_a_queue_page_offers_its_levels_and_actions(client: Client, boss: User, ticket: Ticket) -> None:
    client.force_login(boss)

    page = client.get(f"/admin/escalation/reviewqueue/{ticket.queue_id}/change/").content.decode()

    for words in ("Escalation levels", "When a deadline is missed", "Reasons to put a ticket off"):
        assert words in page


def test_a_lead_stops_the_clocks_and_lets_them_go_on(client: Client, boss: User, ticket: Ticket) -> None:
    client.force_login(boss)
    page, own = f"/admin/escalation/ticket/{ticket.pk}/change/", f"/admin/escalation/ticket/{ticket.pk}"
    assert "Stop both clocks" in client.get(page).content.decode()

    assert client.post(f"{own}/pause/", {"reason": "the customer rings"}).status_code == 302
    assert "Let the clocks go on" in client.get(page).content.decode()
    assert client.post(f"{own}/resume/").status_code == 302

    pause = ticket.pauses.get()
    assert (pause.reason, pause.by_name, pause.ended_by_name) == ("the customer rings", "boss", "boss")


def test_without_a_reason_nothing_stops(client: Client, boss: User, ticket: Ticket) -> None:
    client.force_login(boss)

    answer = client.post(f"/admin/escalation/ticket/{ticket.pk}/pause/", {"reason": " "})

    assert answer.status_code == 400
    assert "reason: say why" in answer.content.decode()
    assert not ticket.pauses.exists()


def test_a_reviewer_stops_no_clock(client: Client, anna: User, ticket: Ticket) -> None:
    client.force_login(anna)

    assert (
        "Stop both clocks" not in client.get(f"/admin/escalation/ticket/{ticket.pk}/change/").content.decode()
    )
    assert client.post(f"/admin/escalation/ticket/{ticket.pk}/pause/", {"reason": "x"}).status_code == 403
    assert not ticket.pauses.exists()


def test_a_ticket_says_that_its_clocks_stand_still(client: Client, anna: User, ticket: Ticket) -> None:
    pause_ticket(ticket.pk, anna, "waits for <the> customer")
    client.force_login(anna)

    page = client.get(f"/admin/escalation/ticket/{ticket.pk}/change/").content.decode()

    assert "The clocks stand still since" in page
    assert "waits for &lt;the&gt; customer (anna)" in page


def test_a_queues_admin_sees_what_a_re_plan_changes_and_does_it(client: Client) -> None:
    give_calendar(make_calendar())
    with at_time("2026-11-20T16:58"):
        (ticket,) = hold()
    address = f"/admin/escalation/ticket/{ticket.pk}/"
    reviewer, admin = make_member("rita", "reviewer"), User.objects.create_user("quinn", is_staff=True)
    give_role(admin, ticket.queue, "queue_admin")
    client.force_login(admin)
    assert "Plan it anew" not in client.get(f"{address}change/").content.decode(), "it goes by the newest"

    give_calendar(None)

    with patch("escalation.admin.tickets.read_clock", lambda: at("2026-11-20T17:30")):
        page = client.get(f"{address}change/").content.decode()
    assert "Plan it anew" in page
    assert page.index("23 Nov 2026, 09:03") < page.index("20 Nov 2026, 17:33"), (
        "the due time as it is, then as it would be"
    )
    client.force_login(reviewer)
    assert "Plan it anew" not in client.get(f"{address}change/").content.decode()
    assert client.post(f"{address}replan/").status_code == 403
    client.force_login(admin)
    with at_time("2026-11-20T17:30"):
        assert client.post(f"{address}replan/").status_code == 302
    ticket.refresh_from_db()
    assert ticket.due_at == at("2026-11-20T17:33")
    assert "Plan it anew" not in client.get(f"{address}change/").content.decode()


def test_a_ticket_whose_clocks_stand_still_counts_nothing_down_in_the_inbox(client: Client) -> None:
    with at_time("2026-11-20T16:58"):
        (ticket,) = hold()
    person = make_member("rita", "admin")
    client.force_login(person)
    assert count_inbox(person.pk, [ticket.queue_id]).breaching == 1
    assert count_breaching(person.pk, [ticket.queue_id]) == 1
    assert "data-due" in client.get("/admin/escalation/ticket/?part=rows").content.decode()

    with at_time("2026-11-20T16:58:30"):
        pause_ticket(ticket.pk, person, "the customer rings")

    page = client.get("/admin/escalation/ticket/?part=rows").content.decode()
    assert "clock stopped" in page
    assert "data-due" not in page
    assert count_inbox(person.pk, [ticket.queue_id]).breaching == 0
    assert count_breaching(person.pk, [ticket.queue_id]) == 0
    assert (
        f'data-ticket="{ticket.pk}"'
        not in client.get("/admin/escalation/ticket/?part=rows&state=breaching").content.decode()
    )


PREVIEW = "/admin/escalation/calendar/preview/"


def test_hours_are_tried_before_they_are_saved(client: Client, boss: User) -> None:
    client.force_login(boss)
    now = at("2026-10-19T08:00:00")
    with patch("escalation.admin.calendars.read_clock", return_value=now):
        page = client.post(
            PREVIEW, _form(name="", sun="00:00-24:00", holidays="2026-10-23 Feast")
        ).content.decode()

    assert "Nothing is saved yet" in page
    assert "5 min: until <strong>Mon 19 Oct 2026, 10:05:00</strong>" in page
    assert "On Sun 25 Oct 2026 the clocks go back by 1 h" in page
    assert "09:00 to 12:30, 13:30 to 17:00" in page
    assert "00:00 to 24:00" in page
    assert "Feast" in page
    assert Calendar.objects.count() == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mon": "22:00-06:00"}, "<strong>Monday</strong>: 22:00-06:00 ends before it begins"),
        ({"holidays": "2026-12-25\n\n2026-13-01"}, "<strong>Holidays, line 3</strong>: write the day like"),
        (
            {"holidays": "2026-12-25\n2026-12-25"},
            "<strong>Holidays, line 2</strong>: 2026-12-25 stands there twice",
        ),
        ({"time_zone": "Mars"}, "<strong>Time zone</strong>"),
    ],
)
def test_hours_that_make_no_sense_are_tried_in_vain(
    client: Client, boss: User, wrong: dict[str, str], words: str
) -> None:
    client.force_login(boss)
    assert words in client.post(PREVIEW, _form(**wrong)).content.decode()


def test_a_preview_is_for_those_who_make_calendars(client: Client, boss: User) -> None:
    client.force_login(make_member("vera", "reviewer"))
    assert client.post(PREVIEW, _form()).status_code == 403
    client.force_login(boss)
    assert client.get(PREVIEW).status_code == 405
