"""No secret of the installation's settings gets into what is stored of a failed attempt."""

import json

import pytest
from django.conf import settings
from django.forms.models import model_to_dict

from agents.conf import list_secrets
from orchestration import StepSpec, WorkflowSpec
from orchestration.models import Attempt, Decision, Event
from orchestration.testing import run_workflow

pytestmark = pytest.mark.django_db


def test_an_agents_error_does_not_tell_them() -> None:
    password = settings.DATABASES["default"]["PASSWORD"]
    assert {password, settings.SECRET_KEY} <= set(list_secrets())

    def leak(_: object) -> None:
        raise RuntimeError(f"cannot connect with {password} or {settings.SECRET_KEY}")

    done = run_workflow(
        WorkflowSpec(name="leaky", steps=(StepSpec("a", agent="lab.leaky"),)), agents={"lab.leaky": leak}
    )
    rows = [*Attempt.objects.all(), *Decision.objects.all(), *Event.objects.all(), *done.steps.values()]
    stored = json.dumps([model_to_dict(row) for row in rows], default=str)
    assert "cannot connect with [redacted] or [redacted]" in stored
    assert password not in stored
    assert settings.SECRET_KEY not in stored
