"""A second factor is reset through the API by whom the console lets, with the same line in the audit."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from escalation.models import AuditLine
from orchestration.models import Project
from tests.codes import give_device
from tests.integration.api.people import Caller, make_key
from tests.integration.escalation.desk import hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings: Any) -> dict[str, User]:
    """A reviewer, their lead, somebody of another project, and two superusers; each with a second factor."""
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "deciders"}
    Project.objects.create(slug="other", name="Other")
    hold()  # so that there is a queue
    found = {
        "ada": make_member("ada", "reviewer"),
        "lea": make_member("lea", "admin"),
        "zoe": make_member("zoe", "admin", "other"),
        "root": User.objects.create_superuser("root"),
        "boss": User.objects.create_superuser("boss"),
    }
    found["boss"].groups.add(*found["ada"].groups.all())
    for person in found.values():
        give_device(person)
    return found


def _call(person: User, *scopes: str, project: Project | None = None) -> Caller:
    return Caller(person.username, person, make_key(person, *scopes, project=project))


def _names(caller: Caller) -> list[str]:
    return [row["person"] for row in caller.get("/api/v1/second-factors").json()["results"]]


def _reset(caller: Caller, name: str) -> tuple[int, str]:
    answer = caller.call("DELETE", f"/api/v1/second-factors/{name}")
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_a_lead_resets_who_they_lead_and_finds_nobody_else(people: dict[str, User]) -> None:
    lead, session = _call(people["lea"], "read", "admin"), Client()
    session.force_login(people["ada"])
    assert _names(lead) == ["ada"]
    for name in ("lea", "zoe", "root", "boss", "nobody"):
        assert _reset(lead, name) == (404, "not_found"), name
    assert _reset(_call(people["lea"], "read", "review"), "ada") == (403, "scope_missing")
    assert _reset(_call(people["ada"], "read", "admin"), "lea") == (404, "not_found")
    assert (TOTPDevice.objects.count(), AuditLine.objects.filter(act="reset").count()) == (5, 0)

    assert _reset(lead, "ada") == (204, "")

    assert not TOTPDevice.objects.filter(user=people["ada"]).exists()
    assert "_auth_user_id" not in session.session
    [line] = AuditLine.objects.filter(act="reset")
    assert (line.actor, line.door, '"person": "ada"' in line.data_json) == (people["lea"], "api", True)
    assert _reset(lead, "ada") == (404, "not_found")


def test_superusers_reset_all_but_through_a_token_of_one_project_only_whom_they_lead_there(
    people: dict[str, User],
) -> None:
    assert _names(_call(people["root"], "read")) == ["ada", "boss", "lea", "zoe"]
    narrow = _call(people["root"], "read", "admin", project=Project.objects.get(slug="default"))
    assert _names(narrow) == ["ada", "lea"]
    assert _reset(narrow, "zoe") == (404, "not_found")
    assert _reset(_call(people["root"], "admin"), "root") == (404, "not_found")
    assert _reset(_call(people["root"], "admin"), "boss") == (204, "")


def test_where_nobody_is_asked_for_one_there_is_nothing(people: dict[str, User], settings: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "TWO_FACTOR": "off"}
    answer = _call(people["root"], "read").get("/api/v1/second-factors")
    assert (answer.status_code, "TWO_FACTOR" in answer.json()["detail"]) == (404, True)
