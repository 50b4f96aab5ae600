"""What is decided about an attempt and proven of its output comes from values: a test without a database can do it."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from agents.domain.invocation import Answered, Failed, FailureKind, SentBack
from agents.invoke import override
from orchestration import StepSpec, Verify
from orchestration.domain.plan import Growth
from orchestration.domain.policy import Ending
from orchestration.domain.receipts import AttemptLine, HandoffLine, digest_received, stamp
from orchestration.domain.states import Stage, StepStatus
from orchestration.domain.work import Claim, Facts, RunFacts
from orchestration.executor import judging
from orchestration.executor.judging import Seen, judge
from orchestration.executor.proof import prove

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AGENT = "test.agent"
RUN = RunFacts(
    run_id=UUID(int=1),
    project_id=1,
    workflow_id=1,
    workflow_name="pure",
    workflow_digest="d" * 64,
    sla="normal",
    round=1,
    input_json="{}",
    handoff_tokens=8_000,
    root_id=UUID(int=1),
    depth=0,
    priority=0,
    deadline_at=None,
)
CLAIM = Claim(
    run=RUN,
    step_id=1,
    key="a",
    agent=AGENT,
    queue="steps",
    token=UUID(int=2),
    task_id="1.1.1",
    process_id=1,
    attempt=2,
    attempt_id=2,
    failures=1,
    crashes=0,
    revision=0,
    feedback="",
    dispatches=2,
    dispatched_at=NOW,
    claimed_at=NOW,
    deadline_at=NOW + timedelta(minutes=1),
    timeout_seconds=60,
    read_at=NOW,
    monotonic_at=time.monotonic(),
    predecessors=(),
    spec_key="a",
)
FIRST = AttemptLine(
    number=1,
    token="t",
    task_id="1.1.0",
    started_at=stamp(NOW - timedelta(seconds=600)),
    finished_at=stamp(NOW - timedelta(seconds=540)),
    outcome="failed",
    agent=AGENT,
    agent_version=1,
    confidence=None,
    usage_json="{}",
    failure_kind="transient",
    error_class="acme.Busy",
    error_message="busy",
    traceback_tail="",
    rule="transient_retry",
    decision="retry",
    reason="",
    inputs_json="{}",
    due_at=None,
)
FACTS = Facts(received=(HandoffLine("before", "d1", "d0", 10, 5, "sumy@1"),), earlier=(FIRST,))
ANSWER = Answered("said", '"said"', None, {}, AGENT, 1)
FAILURE = Failed(FailureKind.TRANSIENT, "acme.Busy", "busy", "", None, AGENT, 1)
AWAY = replace(FAILURE, kind=FailureKind.BREAKER_OPEN)
BACK = SentBack("before", ("thin",), AGENT, 1)
SPAWNS = replace(ANSWER, spawn=(StepSpec("b", agent=AGENT),))


@pytest.mark.parametrize(
    ("outcome", "seen", "fields", "claimed", "rule"),
    [
        (ANSWER, Seen(), {}, {}, "no_confidence_asked"),
        (ANSWER, Seen(), {"verify": Verify(AGENT)}, {"gated": True}, "to_be_verified"),
        (SPAWNS, Seen(run_steps=1), {}, {}, "spawned"),
        (SPAWNS, Seen(run_steps=10**6), {}, {}, "limit"),
        (FAILURE, Seen(), {}, {}, "transient_retry"),
        (FAILURE, Seen(), {"deadline_seconds": 660}, {}, "transient_retry"),
        (FAILURE, Seen(), {"deadline_seconds": 590}, {}, "deadline"),
        (BACK, Seen(), {}, {}, "rework"),
        (BACK, Seen(rework_fault="no such step"), {}, {}, "rework_refused"),
        (AWAY, Seen(), {}, {}, "breaker_wait"),
        (AWAY, Seen(waited_out=True), {}, {}, "breaker_asked"),
        (AWAY, Seen(waited_out=True, may_ask=True), {}, {}, "breaker_open"),
    ],
)
def test_each_outcome_is_judged_by_what_was_read_before(
    monkeypatch: pytest.MonkeyPatch,
    outcome: Ending,
    seen: Seen,
    fields: dict[str, Any],
    claimed: dict[str, Any],
    rule: str,
) -> None:
    monkeypatch.setattr(judging, "random", lambda: 0.0)
    # Its clock starts now: the tests before this one may have taken longer than its deadline.
    claim = replace(CLAIM, monotonic_at=time.monotonic(), **claimed)
    with override({AGENT: lambda _task: None}):
        judged = judge(claim, StepSpec("a", agent=AGENT, **fields), FACTS, outcome, seen)
    assert (judged.decision.rule, judged.end.rule, judged.end.kind) == (rule, rule, judged.decision.kind)


def test_what_an_answer_spawns_is_what_is_written() -> None:
    with override({AGENT: lambda _task: None}):
        judged = judge(CLAIM, StepSpec("a", agent=AGENT), FACTS, SPAWNS, Seen(run_steps=1))
    assert isinstance(judged.outcome, Growth)
    assert (judged.outcome.stage, [child.key for child in judged.outcome.children]) == (
        Stage.SPAWNED,
        ["a/b"],
    )


def test_a_receipt_has_the_facts_and_the_attempt_itself() -> None:
    judged = judge(CLAIM, StepSpec("a", agent=AGENT), FACTS, ANSWER, Seen())
    final = prove(CLAIM, FACTS, judged.outcome, judged.end)
    assert (final.status, final.output_json) == (StepStatus.SUCCEEDED, '"said"')
    assert f'"received":"{digest_received(FACTS.received)}"' in final.receipt_json
    alone = prove(CLAIM, replace(FACTS, earlier=()), judged.outcome, judged.end)
    assert alone.receipt_digest != final.receipt_digest
