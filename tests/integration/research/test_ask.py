"""`manage.py ask` prints the report, or says who must be asked; here the engine works in this process."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from examples.research.management.commands import ask
from examples.research.workflows import RESEARCH
from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Run
from orchestration.testing import drive

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work where the command would start to wait for a worker."""
    runs.publish(RESEARCH)
    wait = ask._wait

    def work(run_id: Any, seconds: float) -> str:
        drive(run_id)
        return wait(run_id, seconds)

    monkeypatch.setattr(ask, "_wait", work)


def _ask(question: str, **options: Any) -> str:
    out = StringIO()
    with mute_dispatch():
        call_command("ask", question, stdout=out, **options)
    return out.getvalue()


def test_the_report_is_printed_with_its_sources() -> None:
    said = _ask("Which storage lasts longest?")
    assert said.startswith("# Which storage lasts longest?")
    assert "**the hill reservoir**" in said
    assert "- [1] " in said


def test_the_report_as_json() -> None:
    answer = json.loads(_ask("Which storage lasts longest?", json=True))
    assert (answer["run"], answer["state"]) == (str(Run.objects.get().pk), "succeeded")
    assert answer["report"]["sources"]


def test_who_waits_is_said() -> None:
    with pytest.raises(CommandError, match=r"waits for a person \(plan: .*list_tickets"):
        _ask("What is the capital of Peru?")


def test_a_question_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="QUESTION: "):
        _ask("?")
