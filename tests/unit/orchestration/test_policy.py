"""Every rule of the policy with its neighbours; the policy is total and attempts are bounded."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain.invocation import Answered, Failed, FailureKind, Outcome
from orchestration import Retry, StepSpec
from orchestration.domain.policy import MAX_RETRY_WAIT_SECONDS, PassedOver, Situation, decide
from orchestration.domain.states import DecisionKind

ACCEPT, RETRY, SKIP, ESCALATE, ABORT = (
    DecisionKind.ACCEPT,
    DecisionKind.RETRY,
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
    # Neither an uncritical step nor one that aborts changes what an unsure answer means.
    for fields in ({}, {"critical": False}, {"on_failure": "abort"}):
        decision = decide(_answer(confidence), _spec(min_confidence=bound, **fields), CALM)
        assert (decision.kind, decision.rule, decision.delay_seconds) == (kind, rule, 0.0)


TRANSIENT = (FailureKind.TRANSIENT, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT)
NEVER_AGAIN = tuple(kind for kind in FailureKind if kind not in (*TRANSIENT, FailureKind.CRASH))


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize(("failures", "delay"), [(0, 1.0 + 0.25), (1, 2.0 + 0.25)])
def test_transient_failures_are_tried_again_ever_later(
    kind: FailureKind, failures: int, delay: float
) -> None:
    decision = decide(_failure(kind), _spec(), replace(CALM, failures=failures))
    assert (decision.kind, decision.rule, decision.delay_seconds) == (RETRY, "transient_retry", delay)


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize(
    ("fields", "decision", "suffix"),
    [
        ({}, ESCALATE, ""),
        ({"on_failure": "abort"}, ABORT, "_abort"),
        ({"critical": False}, SKIP, "_not_critical"),
        ({"critical": False, "on_failure": "abort"}, SKIP, "_not_critical"),
    ],
)
def test_the_last_attempt_gives_up(
    kind: FailureKind, fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(kind), _spec(**fields), replace(CALM, failures=2))
    assert (made.kind, made.rule) == (decision, f"attempts_exhausted{suffix}")
    assert made.reason == "acme.Boom: it broke"
    before = decide(_failure(kind), _spec(**fields), replace(CALM, failures=1))
    assert before.kind == RETRY


@pytest.mark.parametrize("kind", NEVER_AGAIN)
@pytest.mark.parametrize(
    ("fields", "decision", "suffix"),
    [
        ({}, ESCALATE, ""),
        ({"on_failure": "abort"}, ABORT, "_abort"),
        ({"critical": False}, SKIP, "_not_critical"),
    ],
)
def test_other_failures_are_never_tried_again(
    kind: FailureKind, fields: dict[str, Any], decision: DecisionKind, suffix: str
) -> None:
    made = decide(_failure(kind), _spec(retry=Retry(max_attempts=50), **fields), CALM)
    assert (made.kind, made.rule) == (decision, f"{kind}{suffix}")


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
    decision = decide(_failure(FailureKind.RATE_LIMIT, retry_after=asked), _spec(), CALM)
    assert (decision.kind, decision.rule, decision.delay_seconds) == (RETRY, "retry_after", given)


def test_a_long_back_off_is_cut() -> None:
    spec = _spec(retry=Retry(max_attempts=50, backoff_base_seconds=3600, jitter_seconds=3600))
    decision = decide(_failure(FailureKind.TIMEOUT), spec, replace(CALM, failures=48))
    assert decision.delay_seconds == MAX_RETRY_WAIT_SECONDS


@pytest.mark.parametrize(
    ("crashes", "kind", "rule"),
    [(0, RETRY, "crash_retry"), (2, RETRY, "crash_retry"), (3, ESCALATE, "crash_limit")],
)
@pytest.mark.parametrize("fields", [{}, {"critical": False}, {"on_failure": "abort"}])
def test_crashes_are_counted_apart_and_end_with_a_person(
    fields: dict[str, Any], crashes: int, kind: DecisionKind, rule: str
) -> None:
    situation = replace(CALM, crashes=crashes, failures=40)
    decision = decide(_failure(FailureKind.CRASH), _spec(**fields), situation)
    assert (decision.kind, decision.rule, decision.delay_seconds) == (kind, rule, 0.0)


def test_a_step_passed_over_is_skipped_even_if_critical() -> None:
    decision = decide(PassedOver("condition_false", "its condition is false: x"), _spec(), CALM)
    assert (decision.kind, decision.rule) == (SKIP, "condition_false")
    assert decision.reason == "its condition is false: x"


_SPECS = st.builds(
    _spec,
    critical=st.booleans(),
    on_failure=st.sampled_from(["escalate", "abort"]),
    min_confidence=st.none() | st.floats(0, 1),
    retry=st.builds(
        Retry,
        max_attempts=st.integers(1, 50),
        backoff_base_seconds=st.floats(0, 3600),
        jitter_seconds=st.floats(0, 3600),
    ),
)
_OUTCOMES: st.SearchStrategy[Outcome | PassedOver] = st.one_of(
    st.builds(_answer, st.none() | st.floats(0, 1)),
    st.builds(_failure, st.sampled_from(list(FailureKind)), st.none() | st.floats(allow_nan=False)),
    st.just(PassedOver("condition_false", "")),
)
_SITUATIONS = st.builds(
    Situation,
    failures=st.integers(0, 60),
    crashes=st.integers(0, 6),
    crash_limit=st.integers(1, 5),
    default_min_confidence=st.floats(0, 1),
    jitter=st.floats(0, 1),
)


@given(_OUTCOMES, _SPECS, _SITUATIONS)
def test_the_policy_is_total_and_its_words_fit_their_columns(
    outcome: Outcome | PassedOver, spec: StepSpec, situation: Situation
) -> None:
    decision = decide(outcome, spec, situation)
    assert decision.kind in DecisionKind
    assert 1 <= len(decision.rule) <= 60
    assert 0.0 <= decision.delay_seconds <= MAX_RETRY_WAIT_SECONDS
    assert decision.kind is RETRY or decision.delay_seconds == 0.0


@given(_SPECS, st.lists(st.sampled_from(list(FailureKind)), min_size=60, max_size=60), st.integers(1, 5))
def test_attempts_are_bounded(spec: StepSpec, kinds: list[FailureKind], crash_limit: int) -> None:
    situation = replace(CALM, crash_limit=crash_limit)
    attempts = 0
    for kind in kinds:
        attempts += 1
        if kind is FailureKind.CRASH:
            situation = replace(situation, crashes=situation.crashes + 1)
        if decide(_failure(kind), spec, situation).kind is not RETRY:
            break
        if kind is not FailureKind.CRASH:
            situation = replace(situation, failures=situation.failures + 1)
    assert attempts <= spec.retry.max_attempts + crash_limit
