"""What steps wait for, and the signals that came: on the run's page and in the API, without their values."""

from typing import Any

import pytest
from django.test import Client

from orchestration import runs
from orchestration.models import Call
from orchestration.testing import drive
from tests.integration.orchestration_admin.scenes import play_letter

pytestmark = pytest.mark.django_db


def _wait(task: Any) -> Any:
    task.wait_for("go", timeout_seconds=3_600)
    return task.wait_for(
        "payment", schema={"type": "object", "properties": {"password": {"type": "integer"}}}
    )


def test_waits_and_signals_of_a_run_are_shown(operator: Client) -> None:
    run = play_letter(sender=_wait).run
    runs.signal(run.pk, "payment", {"password": "hunter2hunter2"})
    runs.signal(run.pk, "go", 1, through="<script>alert(1)</script>")
    runs.signal(run.pk, "later", "hunter2hunter2", step="send")
    place = f"/admin/orchestration/run/{run.pk}/change/?show=signals"
    page = operator.get(place).content.decode()
    call = Call.objects.get(name="go")
    assert f'/steps/send/#call-{call.pk}">send</a>' in page
    assert "since" in page
    assert "until" in page
    step = operator.get(f"/api/v1/steps/{call.step_id}").json()
    assert [(each["what"], each["name"], each["call"]) for each in step["waits_on"]] == [
        ("signal", "go", call.pk)
    ]
    assert step["waits_on"][0]["until"] is not None
    assert operator.get(f"/api/v1/runs/{run.pk}/calls").json()["results"][-1]["awaited"] is True

    drive(run.pk, agents={"test.sender": _wait})
    page = operator.get(place).content.decode()
    assert f'answered <a href="/admin/orchestration/run/{run.pk}/steps/send/#call-{call.pk}">' in page
    assert [word in page for word in ("matched", "refused", "kept")] == [True] * 3
    assert "hunter2" not in page
    assert "<script>alert" not in page
    found = operator.get(f"/api/v1/runs/{run.pk}/signals").json()["results"]
    assert [(each["name"], each["calls"], bool(each["refusal"])) for each in found] == [
        ("payment", [], True),
        ("go", [call.pk], False),
        ("later", [], False),
    ]


def test_waits_of_an_ended_step_are_not_shown_as_open(operator: Client) -> None:
    run = play_letter(sender=_wait).run
    runs.cancel(run.pk)
    call = Call.objects.get(name="go")
    assert operator.get(f"/api/v1/steps/{call.step_id}").json()["waits_on"] == []
    assert operator.get(f"/api/v1/runs/{run.pk}/calls").json()["results"][-1]["awaited"] is False
    page = operator.get(f"/admin/orchestration/run/{run.pk}/change/?show=signals").content.decode()
    assert "No agent of this run waits for anything." in page
    page = operator.get(f"/admin/orchestration/run/{run.pk}/steps/send/").content.decode()
    assert "Nobody waits for it any more" in page
