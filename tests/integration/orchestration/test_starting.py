"""Starting: idempotent by key, refused by name, and never half a run."""

from typing import Any

import pytest
from django.conf import LazySettings

from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.errors import (
    IdempotencyConflict,
    InputInvalid,
    RunNotFound,
    SpecInvalid,
    WaitTimedOut,
    WorkflowNotFound,
)
from orchestration.models import Run, Step, Workflow
from tests.integration.orchestration.rig import AGENT

pytestmark = pytest.mark.django_db

_SCHEMA = {
    "type": "object",
    "required": ["customer"],
    "properties": {"customer": {"type": "string"}, "items": {"type": "array", "items": {"type": "integer"}}},
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def _published() -> Any:
    with override({AGENT: lambda _task: None}), mute_dispatch():
        spec = WorkflowSpec(name="demo", steps=(StepSpec("a", agent=AGENT),), input_schema=_SCHEMA)
        runs.publish(spec)
        yield


def test_the_same_key_and_input_are_the_same_run_whatever_the_order_of_fields() -> None:
    first = runs.start("demo", {"customer": "ada", "items": [1]}, idempotency_key="k")
    again = runs.start("demo", {"items": [1], "customer": "ada"}, idempotency_key="k")
    assert first == again
    assert Step.objects.filter(run=first).count() == Step.objects.count() == 1


def test_the_same_key_with_another_input_is_refused_and_changes_nothing() -> None:
    first = runs.start("demo", {"customer": "ada"}, idempotency_key="k")
    with pytest.raises(IdempotencyConflict, match=f"'k' was used for run {first.pk} with another input"):
        runs.start("demo", {"customer": "bob"}, idempotency_key="k")
    assert list(Run.objects.all()) == [first]


@pytest.fixture
def known() -> Run:
    """A run that was accepted before a stricter version was published, and limits were lowered."""
    run = runs.start("demo", {"customer": "ada"}, idempotency_key="k")
    stricter = {**_SCHEMA, "required": ["customer", "region"]}
    runs.publish(WorkflowSpec(name="demo", steps=(StepSpec("a", agent=AGENT),), input_schema=stricter))
    return run


def test_a_repeat_is_answered_before_it_is_judged(known: Run, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_INPUT_BYTES": 10}
    assert runs.start("demo", {"customer": "ada"}, idempotency_key="k") == known
    assert runs.check_start("demo", {"customer": "ada"}, idempotency_key="k") == known
    with pytest.raises(IdempotencyConflict, match=str(known.pk)):
        runs.start("demo", {"customer": "bob"}, idempotency_key="k")
    with pytest.raises(InputInvalid, match="must be a JSON object"):
        runs.start("demo", "ada", idempotency_key="k")
    assert list(Run.objects.all()) == [known]


def test_what_is_new_is_judged_by_the_stricter_version(known: Run) -> None:
    for key in (None, "another"):
        with pytest.raises(InputInvalid, match='"region" is a required property'):
            runs.start("demo", {"customer": "ada"}, idempotency_key=key)
    assert list(Run.objects.all()) == [known]


def test_a_repeated_fork_is_answered_before_it_is_judged(known: Run, settings: LazySettings) -> None:
    fork = runs.fork(known.pk, "a", idempotency_key="f")
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_INPUT_BYTES": 10}
    assert runs.fork(known.pk, "a", idempotency_key="f") == fork


def test_without_a_key_every_start_is_a_run() -> None:
    assert runs.start("demo", {"customer": "ada"}) != runs.start("demo", {"customer": "ada"})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "input: must be a JSON object"),
        ([], "input: must be a JSON object"),
        ({}, 'input: "customer" is a required property'),
        ({"customer": 1}, 'input/customer: 1 is not of type "string"'),
        ({"customer": "a", "items": [1, "x"]}, 'input/items/1: "x" is not of type "integer"'),
        ({"customer": "a", "more": 1}, "input: Additional properties are not allowed"),
        ({"customer": "nul \x00"}, "input/customer: "),
        ({"customer": "a", "items": [2**53]}, "input/items/0: "),
        ({"customer": "x" * 1_100_000}, "input"),
    ],
)
def test_a_bad_input_is_refused_by_its_path(value: Any, message: str) -> None:
    for act in (runs.start, runs.check_start):
        with pytest.raises(InputInvalid) as refused:
            act("demo", value)
        assert str(refused.value).startswith(message)
    assert not Run.objects.exists()


def test_the_largest_input_is_a_setting(settings: LazySettings) -> None:
    fits, too_large = {"customer": "\xe4da"}, {"customer": "\xe4daa"}
    settings.RINGMASTER = {**settings.RINGMASTER, "MAX_INPUT_BYTES": 19}
    for act in (runs.start, runs.check_start):
        with pytest.raises(InputInvalid, match="input: larger than 19 bytes; keep large content elsewhere"):
            act("demo", too_large)
    assert not Run.objects.exists()
    assert runs.start("demo", fits).input == fits


@pytest.mark.parametrize("key", ["", "x" * 201, "line\nbreak", "nul\x00"])
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(InputInvalid, match="idempotency_key: must be 1 to 200 printable characters"):
        runs.start("demo", {"customer": "ada"}, idempotency_key=key)
    assert not Run.objects.exists()


@pytest.mark.parametrize("key", [" a ", "a ", " a", " "])
def test_a_key_with_blanks_around_it_is_refused_wherever_it_comes_in(key: str) -> None:
    for act in (runs.start, runs.check_start):
        with pytest.raises(InputInvalid, match="idempotency_key: must not begin or end with a blank"):
            act("demo", {"customer": "ada"}, idempotency_key=key)
    assert not Run.objects.exists()


def test_a_key_that_belongs_to_a_child_run_is_refused() -> None:
    """Taken beforehand, it would keep a step waiting for ever for a run that can't be started."""
    told = "idempotency_key: must not begin with 'child:'"
    for act in (runs.start, runs.check_start):
        with pytest.raises(InputInvalid, match=told):
            act("demo", {"customer": "ada"}, idempotency_key="child:7.1.0.1")
    run = runs.start("demo", {"customer": "ada"})
    with pytest.raises(InputInvalid, match=told):
        runs.fork(run.pk, "a", idempotency_key="child:7.1.0.1")
    assert Run.objects.count() == 1


def test_an_unknown_workflow_is_refused_with_what_to_do() -> None:
    with pytest.raises(WorkflowNotFound, match=r"no workflow 'absent' is published; run `manage.py publish"):
        runs.start("absent", {})


def test_checking_starts_nothing_and_knows_what_was_started() -> None:
    assert runs.check_start("demo", {"customer": "ada"}, idempotency_key="k") is None
    assert not Run.objects.exists()
    run = runs.start("demo", {"customer": "ada"}, idempotency_key="k")
    assert runs.check_start("demo", {"customer": "ada"}, idempotency_key="k") == run
    with pytest.raises(IdempotencyConflict):
        runs.check_start("demo", {"customer": "bob"}, idempotency_key="k")


@pytest.mark.parametrize("run_id", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_run_is_not_found(run_id: str) -> None:
    with pytest.raises(RunNotFound, match="list_runs"):
        runs.get_run(run_id)


def test_waiting_ends_with_the_time_and_the_run_goes_on() -> None:
    run = runs.start("demo", {"customer": "ada"})
    with pytest.raises(WaitTimedOut, match=r"still running after 0.01 s; it goes on"):
        runs.wait(run.pk, timeout_seconds=0.01)


def test_a_version_is_new_only_when_its_content_is() -> None:
    spec = WorkflowSpec(name="other", steps=(StepSpec("a", agent=AGENT),))
    first, again = runs.publish(spec), runs.publish(spec)
    changed = runs.publish(WorkflowSpec(name="other", sla="customer-facing", steps=spec.steps))
    assert [(p.workflow.version, p.is_new) for p in (first, again, changed)] == [
        (1, True),
        (1, False),
        (2, True),
    ]


def test_going_back_to_an_older_content_is_a_new_version_that_runs_start_on() -> None:
    # given: two versions of a workflow
    first = WorkflowSpec(name="turning", steps=(StepSpec("a", agent=AGENT),))
    second = WorkflowSpec(name="turning", steps=(StepSpec("b", agent=AGENT),))
    runs.publish(first)
    runs.publish(second)

    # when: what the first one said is published again
    published = runs.publish(first)

    # then
    assert (published.workflow.version, published.is_new) == (3, True)
    assert runs.start("turning", {}).steps.get().key == "a"


def test_a_spec_with_an_unknown_agent_is_not_published() -> None:
    spec = WorkflowSpec(name="other", steps=(StepSpec("a", agent="no.such"),))
    with pytest.raises(SpecInvalid, match=r"step 'a', agent: unknown agent 'no.such'.*in RINGMASTER_APPS\?"):
        runs.publish(spec)
    assert not Workflow.objects.filter(name="other").exists()
