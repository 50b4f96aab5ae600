"""Calendars through the API: versions, a preview that saves nothing, and faults by field."""

import json
from typing import Any

import pytest
from django.test import Client

from escalation.models import Calendar, CalendarVersion
from orchestration.models import Project
from tests.integration.escalation.buttons import sign_in
from tests.people import make_member

pytestmark = pytest.mark.django_db

_HOURS: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "hours": {"mon": ["09:00-17:00"]},
    "holidays": [{"date": "2026-12-28", "name": "Feast"}],
}


@pytest.fixture
def lena(db: None) -> Client:
    return sign_in(make_member("lena", "admin"))


def _send(client: Client, method: str, address: str, body: Any) -> Any:
    return client.generic(method, f"/api/v1/{address}", json.dumps(body), content_type="application/json")


def test_a_calendar_is_made_and_changed_by_versions(lena: Client) -> None:
    made = _send(lena, "POST", "calendars", {"project": "default", "name": "Office", **_HOURS})

    assert (made.status_code, made.json()["current"]["hours"]) == (201, {"mon": ["09:00-17:00"]})
    address = f"calendars/{made.json()['id']}"
    changed = _send(lena, "PUT", address, {**_HOURS, "time_zone": "UTC"}).json()
    assert (changed["current"]["version"], changed["current"]["made_by"]) == (2, "lena")
    assert lena.get(f"/api/v1/{address}").json() == changed
    assert [row["name"] for row in lena.get("/api/v1/calendars").json()["results"]] == ["Office"]
    pages = [lena.get(f"/api/v1/{address}/versions?page_size=1").json()]
    pages.append(lena.get(f"/api/v1/{address}/versions?page_size=1&cursor={pages[0]['next_cursor']}").json())
    assert [page["results"][0]["version"] for page in pages] == [2, 1]


def test_a_preview_shows_what_follows_and_saves_nothing(lena: Client) -> None:
    told = _send(lena, "POST", "calendars/preview", _HOURS).json()

    assert len(told["days"]) == 14
    assert [line["business_seconds"] for line in told["reaches"]] == [300.0, 1800.0, 14400.0, 57600.0]
    assert {day["open_seconds"] for day in told["days"]} <= {0.0, 28800.0}
    assert not Calendar.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../../etc/passwd"}, "time_zone"),
        ({"hours": {"mon": ["9-5"]}}, "hours.mon"),
        ({"hours": {"mon": [[]]}}, "hours.mon"),
        ({"hours": {"lundi": []}}, "hours"),
        ({"hours": {}}, "hours"),
        ({"hours": ["mon"]}, "hours"),
        ({"holidays": [{"date": "2026-12-25"}, {"date": 7}]}, "holidays[1].date"),
        ({"holidays": [{"date": "2026-12-25", "mood": "merry"}]}, "holidays[0]"),
        ({"holidays": ["2026-12-25"]}, "holidays.0"),
    ],
)
@pytest.mark.parametrize("address", ["calendars", "calendars/preview"])
def test_what_makes_no_sense_is_refused_by_field(
    lena: Client, address: str, changed: dict[str, Any], field: str
) -> None:
    named = {"project": "default", "name": "Office"} if address == "calendars" else {}

    answer = _send(lena, "POST", address, {**_HOURS, **named, **changed})

    assert answer.status_code == 400, answer.content
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert not CalendarVersion.objects.exists()


def test_a_foreign_calendar_is_not_found(lena: Client) -> None:
    other = Project.objects.create(slug="other", name="Other")
    theirs = Calendar.objects.create(project=other, name="Theirs")
    for method, body in (("GET", None), ("PUT", _HOURS)):
        answer = _send(lena, method, f"calendars/{theirs.pk}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "calendar_not_found")
