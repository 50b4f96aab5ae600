"""Every rule of the policy with its neighbours; the policy is total, and whatever fails comes to an end."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from orchestration import Retry, StepSpec, Verify
from orchestration.domain.plan import AskPerson, ChildRun, Collected, Growth, Verdicts
from orchestration.domain.policy import (
    MAX_RETRY_WAIT_SECONDS,
    Decision,
    Ending,
    HeldBack,
    OutOfTime,
    PassedOver,
    Situation,
    decide,
    find_rule,
    list_rules,
)
from orchestration.domain.policy.rules import CAUSES
from orchestration.domain.states import DecisionKind, Stage

ACCEPT, RETRY, REVISE, REWORK, FALLBACK, WAIT, SKIP, ESCALATE, ABORT = (
    DecisionKind.ACCEPT,
    DecisionKind.RETRY,
    DecisionKind.REVISE,
    DecisionKind.REWORK,
    DecisionKind.FALLBACK,
    DecisionKind.WAIT,
    DecisionKind.SKIP,
    DecisionKind.ESCALATE,
    DecisionKind.ABORT,
)
CALM = Situation(failures=0, crashes=0, crash_limit=3, default_min_confidence=0.7, jitter=0.5)


def _spec(**fields: Any) -> StepSpec:
    return StepSpec("a", agent="x.y", **fields)


def _answer(confidence: float | None = None) -> Answered:
    return Answered(
        output={}, output_json="{}", confidence=confidence, usage={}, agent="x.y", agent_version=1
    )


def _failure(kind: FailureKind, retry_after: float | None = None) -> Failed:
    return Failed(
        kind=kind,
        error_class="acme.Boom",
        message="it broke",
        traceback_tail="",
        retry_after_seconds=retry_after,
        agent="x.y",
        agent_version=1,
    )


@pytest.mark.parametrize(
    ("confidence", "bound", "kind", "rule"),
    [
        (None, None, ACCEPT, "no_confidence_asked"),
        (None, 0.0, ESCALATE, "confidence_missing"),
        (None, 0.85, ESCALATE, "confidence_missing"),
        (0.7, None, ACCEPT, "confident"),
        (0.6999, None, ESCALATE, "low_confidence"),
        (0.0, None, ESCALATE, "low_confidence"),
        (1.0, None, ACCEPT, "confident"),
        (0.85, 0.85, ACCEPT, "confident"),
        (0.8499, 0.85, ESCALATE, "low_confidence"),
        (0.5, 0.5, ACCEPT, "confident"),
        (0.0, 0.0, ACCEPT, "confident"),
    ],
)
def test_answers(confidence: float | None, bound: float | None, kind: DecisionKind, rule: str) -> None:
    # Neither an uncritical step, nor one that aborts or has a fallback, changes what an unsure answer means.
    for fields in ({}, {"critical": False}, {"on_failure": "abort"}, {"fallback": ("x.z",)}):
        decision = decide(_answer(confidence), _spec(min_confidence=bound, **fields), CALM)
        assert (decision.kind, decision.rule, decision.delay_seconds) == (kind, rule, 0.0)


@pytest.mark.parametrize(
    ("passed", "revisions", "allowed", "seconds_left", "kind", "rule"),
    [
        (True, 0, 1, None, ACCEPT, "verified"),
        (True, 9, 1, -1.0, ACCEPT, "verified"),
        (False, 0, 1, None, REVISE, "verifier_fail"),
        (False, 0, 1, 0.001, REVISE, "verifier_fail"),
        (False, 0, 1, 0.0, ESCALATE, "revision_too_late"),
        (False, 1, 1, None, ESCALATE, "revisions_exhausted"),
        (False, 1, 2, None, REVISE, "verifier_fail"),
        (False, 0, 0, None, ESCALATE, "revisions_exhausted"),
        (False, 1, 1, -1.0, ESCALATE, "revisions_exhausted"),
    ],
)
def test_verdicts(
    passed: bool, revisions: int, allowed: int, seconds_left: float | None, kind: DecisionKind, rule: str
) -> None:
    spec = _spec(verify=Verify("x.v", max_revisions=allowed), fallback="x.z", critical=False)
    situation = replace(CALM, verdict_revisions=revisions, seconds_left=seconds_left)
    made = decide(Verdicts("{}", passed, ("too long", "rude")), spec, situation)
    assert (made.kind, made.rule) == (kind, rule)
    assert made.reason == ("" if passed else "too long; rude")


@pytest.mark.parametrize(
    ("fault", "seconds_left", "kind", "rule"),
    [
        ("", None, REWORK, "rework"),
        ("", 1.0, REWORK, "rework"),
        ("", 0.0, ESCALATE, "rework_too_late"),
        ("no such step", None, ESCALATE, "rework_refused"),
    ],
)
def test_work_that_is_sent_back(
    fault: str, seconds_left: float | None, kind: DecisionKind, rule: str
) -> None:
    situation = replace(CALM, rework_fault=fault, seconds_left=seconds_left)
    made = decide(SentBack("draft", ("rude",), "x.y", 1), _spec(critical=False), situation)
    assert (made.kind, made.rule) == (kind, rule)
    assert "'draft': rude" in made.reason


TRANSIENT = (
    FailureKind.TRANSIENT,
    FailureKind.RATE_LIMIT,
    FailureKind.TIMEOUT,
    FailureKind.HELD_UP,
    FailureKind.OUTAGE,
)
APART = (
    FailureKind.CRASH,
    FailureKind.BREAKER_OPEN,
    FailureKind.AGENT_SUSPECT,
    FailureKind.ENGINE_FAULT,
    FailureKind.DIVERGED,
    FailureKind.CONFLICT,
)
NEVER_AGAIN = tuple(kind for kind in FailureKind if kind not in (*TRANSIENT, *APART))
WAYS_OUT = pytest.mark.parametrize(
    ("fields", "decision", "suffix"),
    [
        ({}, ESCALATE, ""),
        ({"on_failure": "abort"}, ABORT, "_abort"),
        ({"critical": False}, SKIP, "_not_critical"),
        ({"critical": False, "on_failure": "abort"}, SKIP, "_not_critical"),
        ({"fallback": ("x.z",)}, FALLBACK, "_fallback"),
        ({"fallback": ("x.z",), "critical": False, "on_failure": "abort"}, FALLBACK, "_fallback"),
    ],
)


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize(("failures", "delay"), [(0, 1.0 + 0.25), (1, 2.0 + 0.25)])
def test_transient_failures_are_tried_again_ever_later(
    kind: FailureKind, failures: int, delay: float
) -> None:
    made = decide(_failure(kind), _spec(fallback="x.z"), replace(CALM, failures=failures))
    assert (made.kind, made.rule, made.delay_seconds) == (RETRY, "transient_retry", delay)


@pytest.mark.parametrize("kind", TRANSIENT)
@WAYS_OUT
def test_the_last_attempt_gives_up(
    kind: FailureKind, fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(kind), _spec(**fields), replace(CALM, failures=2))
    assert (made.kind, made.rule) == (decision, f"attempts_exhausted{suffix}")
    assert made.reason.startswith("acme.Boom: it broke")
    before = decide(_failure(kind), _spec(**fields), replace(CALM, failures=1))
    assert before.kind == RETRY


@WAYS_OUT
def test_the_engines_own_fault_is_a_persons_whatever_the_spec_says(
    fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(FailureKind.ENGINE_FAULT), _spec(**fields), CALM)
    assert (made.kind, made.rule) == (ESCALATE, "engine_fault")


@WAYS_OUT
def test_another_call_than_before_is_a_persons_whatever_the_spec_says(
    fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(FailureKind.DIVERGED), _spec(retry=Retry(max_attempts=50), **fields), CALM)
    assert (made.kind, made.rule) == (ESCALATE, "journal_diverged")


@pytest.mark.parametrize("fields", [{}, {"on_failure": "abort"}, {"critical": False}, {"fallback": ("x.z",)}])
@pytest.mark.parametrize(
    ("situation", "kind", "rule"),
    [
        ({}, RETRY, "memory_conflict"),
        ({"failures": 50}, RETRY, "memory_conflict"),
        ({"conflicts": 19}, RETRY, "memory_conflict"),
        ({"conflicts": 20}, ESCALATE, "memory_contended"),
        ({"collects": True}, ESCALATE, "memory_contended"),
    ],
)
def test_a_memory_that_changed_meanwhile_is_no_failure_and_has_no_end(
    fields: dict[str, Any], situation: dict[str, Any], kind: DecisionKind, rule: str
) -> None:
    made = decide(_failure(FailureKind.CONFLICT), _spec(**fields), replace(CALM, **situation))
    assert (made.kind, made.rule) == (kind, rule)
    assert 0 <= made.delay_seconds <= 10.5


@pytest.mark.parametrize("kind", NEVER_AGAIN)
@WAYS_OUT
def test_other_failures_are_never_tried_again(
    kind: FailureKind, fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(kind), _spec(retry=Retry(max_attempts=50), **fields), CALM)
    assert (made.kind, made.rule) == (decision, f"{kind}{suffix}")


@pytest.mark.parametrize(
    ("fallbacks", "kind", "agent"), [(0, FALLBACK, "x.z"), (1, FALLBACK, "x.w"), (2, ESCALATE, "")]
)
def test_fallbacks_are_asked_in_turn(fallbacks: int, kind: DecisionKind, agent: str) -> None:
    spec = _spec(fallback=("x.z", "x.w"))
    made = decide(_failure(FailureKind.PERMANENT), spec, replace(CALM, fallbacks=fallbacks))
    assert (made.kind, made.agent) == (kind, agent)


@pytest.mark.parametrize(
    ("seconds_left", "fields", "kind", "rule"),
    [
        (1.26, {}, RETRY, "transient_retry"),
        (1.25, {}, ESCALATE, "deadline"),
        (1.25, {"fallback": "x.z"}, FALLBACK, "deadline_fallback"),
        (0.0, {"fallback": "x.z"}, ESCALATE, "deadline"),
        (-5.0, {"fallback": "x.z", "critical": False}, SKIP, "deadline_not_critical"),
        (0.5, {"on_failure": "abort"}, ABORT, "deadline_abort"),
    ],
)
def test_no_try_outlives_the_deadline(
    seconds_left: float, fields: dict[str, Any], kind: DecisionKind, rule: str
) -> None:
    made = decide(_failure(FailureKind.TIMEOUT), _spec(**fields), replace(CALM, seconds_left=seconds_left))
    assert (made.kind, made.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (0.0, 0.0),
        (7.5, 7.5),
        (-1.0, 0.0),
        (MAX_RETRY_WAIT_SECONDS + 1, MAX_RETRY_WAIT_SECONDS),
        (float("inf"), MAX_RETRY_WAIT_SECONDS),
    ],
)
def test_a_providers_wish_wins_within_bounds(asked: float, given: float) -> None:
    made = decide(_failure(FailureKind.RATE_LIMIT, retry_after=asked), _spec(), CALM)
    assert (made.kind, made.rule, made.delay_seconds) == (RETRY, "retry_after", given)


def test_a_long_back_off_is_cut() -> None:
    spec = _spec(retry=Retry(max_attempts=50, backoff_base_seconds=3600, jitter_seconds=3600))
    decision = decide(_failure(FailureKind.TIMEOUT), spec, replace(CALM, failures=48))
    assert decision.delay_seconds == MAX_RETRY_WAIT_SECONDS


@pytest.mark.parametrize(
    ("crashes", "seconds_left", "kind", "rule"),
    [
        (0, None, RETRY, "crash_retry"),
        (2, None, RETRY, "crash_retry"),
        (2, 0.0, ESCALATE, "crash_too_late"),
        (3, None, ESCALATE, "crash_limit"),
        (3, 0.0, ESCALATE, "crash_limit"),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"critical": False}, {"on_failure": "abort"}, {"fallback": "x.z"}])
def test_crashes_are_counted_apart_and_end_with_a_person(
    fields: dict[str, Any], crashes: int, seconds_left: float | None, kind: DecisionKind, rule: str
) -> None:
    situation = replace(CALM, crashes=crashes, failures=40, seconds_left=seconds_left)
    decision = decide(_failure(FailureKind.CRASH), _spec(**fields), situation)
    assert (decision.kind, decision.rule, decision.delay_seconds) == (kind, rule, 0.0)


_ONE, _NONE_CRITICAL, _ABORTS = {"fallback": "x.z"}, {"critical": False}, {"on_failure": "abort"}


@pytest.mark.parametrize(
    ("waited_out", "may_ask", "fields", "kind", "rule"),
    [
        (False, False, {}, WAIT, "breaker_wait"),
        (False, False, _NONE_CRITICAL, WAIT, "breaker_wait"),
        (False, False, _ONE, FALLBACK, "breaker_open_fallback"),
        (True, False, _ONE, FALLBACK, "breaker_open_fallback"),
        (True, True, {}, ESCALATE, "breaker_open"),
        (True, False, {}, WAIT, "breaker_asked"),
        (True, False, _NONE_CRITICAL, SKIP, "breaker_open_not_critical"),
        (True, False, _ABORTS, ABORT, "breaker_open_abort"),
    ],
)
def test_a_breaker_sends_to_the_fallback_or_is_waited_for(
    waited_out: bool, may_ask: bool, fields: dict[str, Any], kind: DecisionKind, rule: str
) -> None:
    situation = replace(CALM, waited_out=waited_out, may_ask=may_ask, failures=40)
    made = decide(_failure(FailureKind.BREAKER_OPEN), _spec(**fields), situation)
    assert (made.kind, made.rule) == (kind, rule)


def test_a_suspect_is_waited_for_even_by_those_who_have_another() -> None:
    made = decide(_failure(FailureKind.AGENT_SUSPECT), _spec(fallback="x.z"), CALM)
    assert (made.kind, made.rule) == (WAIT, "agent_suspect")


@pytest.mark.parametrize(
    ("is_asked", "fields", "kind", "rule"),
    [
        (False, {}, ESCALATE, "run_deadline"),
        (False, _ONE | _NONE_CRITICAL, ESCALATE, "run_deadline"),
        (False, _ABORTS, ABORT, "run_deadline_abort"),
        (True, {}, WAIT, "run_deadline_wait"),
        (True, _ABORTS, WAIT, "run_deadline_wait"),
    ],
)
def test_one_person_is_asked_if_a_late_run_goes_on(
    is_asked: bool, fields: dict[str, Any], kind: DecisionKind, rule: str
) -> None:
    made = decide(OutOfTime(is_asked), _spec(**fields), CALM)
    assert (made.kind, made.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("ending", "kind", "rule"),
    [
        (PassedOver("condition_false", "its condition is false: x"), SKIP, "condition_false"),
        (PassedOver("need_passed_over", "it needs y"), SKIP, "need_passed_over"),
        (Growth(Stage.ITEMS, "for_each", ()), WAIT, "for_each"),
        (Growth(Stage.SPAWNED, "spawned", ()), WAIT, "spawned"),
        (Growth(Stage.VERDICTS, "to_be_verified", ()), WAIT, "to_be_verified"),
        (ChildRun("other", {}), WAIT, "child_run"),
        (AskPerson("{}"), ESCALATE, "human_step"),
        (Collected("[]", "no_items"), ACCEPT, "no_items"),
        (Collected("{}", "nothing_spawned"), ACCEPT, "nothing_spawned"),
        (Collected("[]", "items_done"), ACCEPT, "items_done"),
        (Collected("{}", "spawned_done"), ACCEPT, "spawned_done"),
        (Collected("{}", "child_run_done"), ACCEPT, "child_run_done"),
    ],
)
def test_what_no_agent_had_a_part_in(ending: Ending, kind: DecisionKind, rule: str) -> None:
    made = decide(ending, _spec(), CALM)
    assert (made.kind, made.rule) == (kind, rule)
    named = find_rule(rule)
    assert named is not None
    assert named.kind is kind


def test_what_no_rule_names_goes_to_a_person() -> None:
    made = decide(object(), _spec(critical=False, fallback="x.z"), CALM)  # type: ignore[arg-type]  # of another release
    assert (made.kind, made.rule) == (ESCALATE, "unforeseen")


def test_each_rule_has_one_name_and_fits_its_column() -> None:
    names = [rule.name for rule in list_rules()]
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 60
    assert set(NEVER_AGAIN) <= set(CAUSES)


@pytest.mark.parametrize("fields", [{}, {"on_failure": "abort"}, {"critical": False}, {"fallback": ("x.z",)}])
@pytest.mark.parametrize(
    ("is_over", "may_ask", "kind", "rule"),
    [
        (False, False, WAIT, "reviewers_wait"),
        (True, False, WAIT, "reviewers_asked"),
        (True, True, ESCALATE, "reviewers"),
    ],
)
def test_a_step_that_people_hold_back_waits_or_asks_them_whatever_it_does_when_it_fails(
    fields: dict[str, Any], kind: DecisionKind, rule: str, *, is_over: bool, may_ask: bool
) -> None:
    made = decide(HeldBack("why", is_over, may_ask), _spec(**fields), CALM)
    assert (made.kind, made.rule, made.reason) == (kind, rule, "why")


_SPECS = st.builds(
    _spec,
    critical=st.booleans(),
    on_failure=st.sampled_from(["escalate", "abort"]),
    min_confidence=st.none() | st.floats(0, 1),
    fallback=st.lists(st.sampled_from(["x.z", "x.w"]), max_size=3).map(tuple),
    verify=st.none() | st.builds(Verify, st.just("x.v"), max_revisions=st.integers(0, 3)),
    retry=st.builds(
        Retry,
        max_attempts=st.integers(1, 50),
        backoff_base_seconds=st.floats(0, 3600),
        jitter_seconds=st.floats(0, 3600),
    ),
)
_FAILURES = st.builds(_failure, st.sampled_from(list(FailureKind)), st.none() | st.floats(allow_nan=False))
_OUTCOMES: st.SearchStrategy[Ending] = st.one_of(
    st.builds(_answer, st.none() | st.floats(0, 1)),
    _FAILURES,
    st.builds(Verdicts, st.just("{}"), st.booleans(), st.just(("r",))),
    st.builds(SentBack, st.just("b"), st.just(("r",)), st.just("x.y"), st.just(1)),
    st.builds(OutOfTime, st.booleans()),
    st.builds(HeldBack, st.just("r"), st.booleans(), st.booleans()),
    st.just(PassedOver("condition_false", "")),
)
_SITUATIONS = st.builds(
    Situation,
    failures=st.integers(0, 60),
    crashes=st.integers(0, 6),
    crash_limit=st.integers(1, 5),
    default_min_confidence=st.floats(0, 1),
    jitter=st.floats(0, 1),
    verdict_revisions=st.integers(0, 4),
    rework_fault=st.sampled_from(["", "no"]),
    fallbacks=st.integers(0, 4),
    waited_out=st.booleans(),
    may_ask=st.booleans(),
    seconds_left=st.none() | st.floats(-10, 10_000),
)


@given(_OUTCOMES, _SPECS, _SITUATIONS)
def test_there_is_one_decision_and_its_rule_is_on_the_page(
    outcome: Ending, spec: StepSpec, situation: Situation
) -> None:
    made = decide(outcome, spec, situation)
    named = find_rule(made.rule)
    assert named is not None
    assert named.kind is made.kind
    assert decide(outcome, spec, situation) == made
    assert 0.0 <= made.delay_seconds <= MAX_RETRY_WAIT_SECONDS
    assert made.kind is RETRY or made.delay_seconds == 0.0
    assert (made.agent != "") == (made.kind is FALLBACK)
    assert (
        situation.seconds_left is None
        or made.kind is not RETRY
        or made.delay_seconds < situation.seconds_left
    )


def _go_on(situation: Situation, outcome: Ending, made: Decision) -> Situation:
    """Return what the step's row tells the policy at the next try, as the writers leave it."""
    match made.kind:
        case DecisionKind.RETRY if isinstance(outcome, Failed) and outcome.kind is FailureKind.CRASH:
            return situation
        case DecisionKind.RETRY:
            return replace(situation, failures=situation.failures + 1)
        case DecisionKind.FALLBACK:
            return replace(situation, failures=0, fallbacks=situation.fallbacks + 1)
        case _:
            return replace(situation, failures=0, verdict_revisions=situation.verdict_revisions + 1)


@given(_SPECS, st.data(), st.integers(1, 5))
def test_whatever_fails_comes_to_an_end(spec: StepSpec, data: st.DataObject, crash_limit: int) -> None:
    """The measure falls with each decision that goes on: fallbacks left, then revisions, then crashes, then tries."""
    revisions = spec.verify.max_revisions if spec.verify else 0
    kinds = st.sampled_from([kind for kind in FailureKind if kind not in APART[1:]])
    fails = st.one_of(kinds.map(_failure), st.just(Verdicts("{}", False, ("r",))))
    situation = replace(CALM, crash_limit=crash_limit)
    most = (len(spec.fallback) + 1 + revisions) * spec.retry.max_attempts + crash_limit
    for _ in range(most):
        outcome = data.draw(fails)
        if isinstance(outcome, Failed) and outcome.kind is FailureKind.CRASH:
            situation = replace(situation, crashes=situation.crashes + 1)
        made = decide(outcome, spec, situation)
        if made.kind not in (RETRY, FALLBACK, REVISE):
            assert made.kind in (SKIP, ESCALATE, ABORT)
            return
        situation = _go_on(situation, outcome, made)
    pytest.fail(f"still going on after {most} failures")
