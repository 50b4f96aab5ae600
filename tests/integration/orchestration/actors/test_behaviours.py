"""Which workflow actors of a name behave by, and what becomes of their mail when it gives the name up."""

from typing import Any

import pytest

from agents import Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.errors import MessageInvalid, SpecInvalid
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Delivery, Workflow
from orchestration.publishing import find_behaviour
from orchestration.testing import drive_all
from tests.integration.orchestration.actors.conftest import Behave, Fakes

pytestmark = pytest.mark.django_db


def _describe(name: str, actor: str | None) -> WorkflowSpec:
    return WorkflowSpec(name=name, actor=actor, steps=(StepSpec("turn", agent="support.case"),))


def _publish(fakes: Fakes, *specs: WorkflowSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish specs at once, as those that the code defines."""
    monkeypatch.setattr("orchestration.publishing.specs.find_code_specs", lambda: list(specs))
    with override(fakes):
        runs.publish_code_specs()


def test_who_gave_the_name_up_gets_no_mail(behave: Behave) -> None:
    fakes = behave("support.case", lambda _: 1)
    actors.send("support.case/1", 1)
    drive_all(agents=fakes)
    with override(fakes):
        assert runs.publish(_describe("support-case", None)).gave_up == "support.case"
    with pytest.raises(MessageInvalid, match="no published workflow behaves as"):
        actors.send("support.case/1", 2)
    with override(fakes):
        runs.publish(_describe("support-case", "support.case"))
    actors.send("support.case/1", 3)
    assert len(drive_all(agents=fakes)) == 1


def test_a_name_is_not_given_up_while_messages_wait(behave: Behave) -> None:
    fakes = behave("support.case", lambda _: 1)
    for key in ("b", "a"):
        for number in range(2):
            actors.send(f"support.case/{key}", number)
    deliver_all()
    with override(fakes), pytest.raises(SpecInvalid, match=r"'support\.case/a' and 1 more") as refused:
        runs.publish(_describe("support-case", None))
    [problem] = refused.value.problems
    assert (problem.field, Workflow.objects.get().version) == ("actor", 1)
    drive_all(agents=fakes)
    with override(fakes):
        runs.publish(_describe("support-case", None))
    assert find_behaviour(Workflow.objects.latest("pk").project_id, "support.case") is None


def test_a_name_is_not_given_up_while_a_reminder_is_due_later(behave: Behave) -> None:
    def turn(task: Task) -> int:
        task.remind("pay", in_seconds=3_600)
        return 1

    fakes = behave("support.case", turn)
    actors.send("support.case/1", 1)
    drive_all(agents=fakes)
    with override(fakes), pytest.raises(SpecInvalid, match=r"'support\.case/1', and without it"):
        runs.publish(_describe("support-case", None))
    actors.stop("support.case/1", "no longer")
    with override(fakes):
        assert runs.publish(_describe("support-case", None)).gave_up == "support.case"


def test_another_workflow_takes_the_name_over_with_its_mail(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes = behave("support.case", lambda _: 1)
    for number in range(2):
        actors.send("support.case/1", number)
    deliver_all()
    given = _describe("another", "support.case")
    with override(fakes), pytest.raises(SpecInvalid, match="is the behaviour of workflow 'support-case'"):
        runs.publish(given)
    _publish(fakes, given, _describe("support-case", None), monkeypatch=monkeypatch)
    drive_all(agents=fakes)
    assert set(Delivery.objects.values_list("state", "run__workflow_name")) == {
        ("done", "support-case"),
        ("done", "another"),
    }


def test_the_one_that_an_agent_got_by_itself_gives_way(behave: Behave) -> None:
    def turn(task: Task) -> Any:
        return task.step_key

    with override({"support.case": turn}):
        runs.publish(
            WorkflowSpec(
                name="actor-support-case",
                actor="support.case",
                steps=(StepSpec("turn", agent="support.case"),),
            )
        )
        written = StepSpec("written", agent="support.case")
        runs.publish(WorkflowSpec(name="case", actor="support.case", steps=(written,)))
    actors.send("support.case/1", 1)
    [done] = drive_all(agents={"support.case": turn})
    assert done.outputs == {"written": "written"}
