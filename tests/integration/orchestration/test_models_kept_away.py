"""A model that fails too often is not asked for a while: its steps wait for it, whichever agents they have."""

from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from pydantic_ai import Agent
from pytest_django.fixtures import Settings

from agents import Call, model_agent
from agents.admission import Door, admit, note_success
from agents.domain.circuit import OF_MODELS
from agents.model_server import Fault, ModelServer, Reply
from agents.models import Breaker, CountedFailure
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.admin.problems import _say_wait
from orchestration.dispatch import mute_dispatch
from orchestration.executor import admission
from orchestration.maintenance import queues
from orchestration.models import Attempt, CallTry, Run, Step
from tests.integration.agents.admission.scenes import changes_of, fail, let_pause_pass, state_of
from tests.integration.orchestration.bench import Bench, step_of, waits

pytestmark = pytest.mark.django_db

MODEL = "model:fast/scripted"
NAMES = ("asking.one", "asking.two", "asking.three")


def _declare(name: str) -> None:
    @model_agent(name)
    def build(durable: Any) -> Agent[Call, str]:
        return Agent("fast", deps_type=Call, capabilities=durable, name=name.replace(".", "_"), retries=0)


for _name in NAMES:
    _declare(_name)


class _Server(ModelServer):
    """Answers, or fails as it is told."""

    fault: Fault | None = None

    def _choose(self, question: Any) -> Reply:  # noqa: ARG002 - whatever is asked
        return Reply("fine", fault=self.fault)


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setattr(admission, "_DOOR", Door())
    for name in NAMES:
        admission._DOOR.note_end(name, uuid4(), failed=False)
    with _Server([]) as server:
        price = {"input_usd_per_million": "1", "output_usd_per_million": "1"}
        fast = {"model": "openai:scripted", "base_url": server.url, "price": price}
        settings.RINGMASTER = {**settings.RINGMASTER, "MODELS": {"fast": fast}}
        yield server


@pytest.fixture
def bench(server: _Server) -> Bench:
    return Bench.make({"test.other": lambda _: "fine"})


def _start(bench: Bench, *agents: str, **more: Any) -> Run:
    steps = tuple(
        StepSpec(chr(ord("a") + number), agent=name, retry=Retry(max_attempts=1), **more)
        for number, name in enumerate(agents)
    )
    return bench.start(WorkflowSpec(name="asking", steps=steps))


def _wake() -> set[int]:
    before = dict(Step.objects.values_list("pk", "dispatches"))
    with mute_dispatch():
        queues.wake_breaker_waiters()
    return {step.pk for step in Step.objects.all() if step.dispatches > before[step.pk]}


def test_failures_of_several_agents_count_for_the_model_that_they_ask(bench: Bench, server: _Server) -> None:
    server.fault = Fault.UNAVAILABLE
    for name in (*NAMES, *NAMES):
        assert bench.perform(step_of(_start(bench, name), "a")) == "escalate"
    assert (state_of(MODEL), {state_of(name) for name in NAMES}) == ("open", {"closed"})
    assert CountedFailure.objects.filter(agent=MODEL).count() == 6
    assert CountedFailure.objects.filter(agent__in=NAMES).count() == 6
    assert len(server.requests) == 6

    run = _start(bench, NAMES[0])
    assert bench.perform(step_of(run, "a")) == "wait"

    assert len(server.requests) == 6
    step = step_of(run, "a")
    assert (step.status, step.waits_for, step.waits_on, step.failures) == ("available", "breaker", MODEL, 0)
    attempt = Attempt.objects.select_related("decision").get(step=step)
    assert (attempt.outcome, attempt.failure_kind, attempt.decision.rule) == (
        "kept_away",
        "breaker_open",
        "breaker_wait",
    )
    assert attempt.error_message.startswith(f"{MODEL} failed too often and is kept away from work since")
    assert not CallTry.objects.filter(call__step=step).exists()
    assert "The model “fast/scripted” failed too often" in _say_wait(step)
    assert runs.verify(run.pk).fault is None


def test_after_the_pause_one_step_asks_and_its_answer_lets_all_go_on(bench: Bench, server: _Server) -> None:
    fail(MODEL, 6)
    run = _start(bench, *NAMES)
    for key in "abc":
        assert bench.perform(step_of(run, key)) == "wait"
    assert waits(run) == {"a": "breaker", "b": "breaker", "c": "breaker"}
    assert _wake() == set()
    assert server.requests == type(server.requests)()

    let_pause_pass(MODEL)
    assert _wake() == {step_of(run, "a").pk}
    assert bench.perform(step_of(run, "a")) == "accept"
    assert changes_of(MODEL) == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]

    assert _wake() == {step_of(run, "b").pk, step_of(run, "c").pk}
    assert [bench.perform(step_of(run, key)) for key in "bc"] == ["accept", "accept"]
    assert len(server.requests) == 3


def test_a_probe_that_fails_opens_it_again_for_longer(bench: Bench, server: _Server) -> None:
    fail(MODEL, 6)
    server.fault = Fault.OVERLOADED
    let_pause_pass(MODEL)
    assert bench.perform(step_of(_start(bench, NAMES[0]), "a")) == "escalate"
    assert state_of(MODEL) == "open"
    assert Breaker.objects.get(agent=MODEL).pause_seconds == 60.0


@pytest.mark.parametrize("fault", [Fault.BAD_REQUEST, Fault.BAD_KEY, Fault.QUOTA, Fault.EMPTY])
def test_what_says_nothing_about_the_model_s_health_opens_nothing(
    bench: Bench, server: _Server, fault: Fault
) -> None:
    server.fault = fault
    for _ in range(7):
        bench.perform(step_of(_start(bench, NAMES[0]), "a"))
    assert len(server.requests) == 7
    assert not Breaker.objects.exists()


def test_a_fallback_goes_on_at_once(bench: Bench) -> None:
    fail(MODEL, 6)
    run = _start(bench, NAMES[0], fallback=("test.other",))
    assert bench.perform(step_of(run, "a")) == "fallback"
    assert bench.perform(step_of(run, "a")) == "accept"


def test_a_person_may_close_it(bench: Bench) -> None:
    fail(MODEL, 6)
    run = _start(bench, NAMES[0])
    bench.perform(step_of(run, "a"))
    told = StringIO()
    call_command("show_run", str(run.pk), stdout=told)
    assert MODEL in told.getvalue()
    call_command("breakers", "--reset", MODEL, stdout=StringIO(), stderr=StringIO())
    assert _wake() == {step_of(run, "a").pk}
    assert bench.perform(step_of(run, "a")) == "accept"
    assert step_of(run, "a").waits_for == ""


def test_one_claim_may_be_the_probe_of_its_agent_s_breaker_and_of_a_model_s() -> None:
    token = uuid4()
    for name in (NAMES[0], MODEL):
        fail(name, 6)
        let_pause_pass(name)
        assert admit(name, token).is_probe  # type: ignore[union-attr]
    for _ in range(2):  # it asks the model twice; its agent's end is yet to come
        note_success(MODEL, token)
    assert (state_of(NAMES[0]), state_of(MODEL)) == ("half_open", "closed")
    note_success(NAMES[0], token)
    assert state_of(NAMES[0]) == "closed"


def test_limits_of_a_model_are_no_limits_of_an_agent_nobody_has(settings: Settings) -> None:
    from agents.checks import check_settings

    settings.RINGMASTER = {"BREAKERS": {f"{OF_MODELS}openai/gpt-5": {"failures": 50}}}
    assert check_settings() == []
