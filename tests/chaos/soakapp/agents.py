"""Agents that fail at random: 22 of 100 first attempts, by time-out, bad input, crash, low confidence or a FAIL.

What happens to an attempt follows from the seed, the step and the attempt's number alone, so that a soak can be told
by its seed, whatever is killed meanwhile.
"""

import hashlib
import os
import time

from agents import Result, Task, TransientError, agent
from tests.chaos.crashapp.journal import do_once, note

FAILING = 0.22
# How often a later attempt fails again, so that some steps use all their attempts up.
FAILING_AGAIN = 0.15
KINDS = ("transient", "timeout", "bad_input", "crash", "unsure")


@agent("soak.step", timeout_seconds=20)
def step(task: Task) -> Result:
    return _work(task, may_crash=False)


@agent("soak.spare", timeout_seconds=20)
def spare(task: Task) -> Result:
    """Take over what `soak.step` gave up."""
    return _work(task, may_crash=False, failing=0.05)


@agent("soak.alone", timeout_seconds=20, queue="isolated")
def alone(task: Task) -> Result:
    return _work(task, may_crash=True)


@agent("soak.undo", timeout_seconds=20)
def undo(task: Task) -> str:
    return f"undone {task.step_key}"


@agent("soak.verifier", timeout_seconds=20)
def verify(task: Task) -> dict[str, object]:
    if draw(task, "verdict") < FAILING:
        return {"verdict": "FAIL", "reasons": ["by lot"]}
    return {"verdict": "PASS", "reasons": []}


def draw(task: Task, what: str) -> float:
    """Return a number in 0..1 that is the same for this attempt of this step in every process."""
    # The run's own number, not its id: a soak of the same seed shall meet the same failures.
    text = f"{task.run_input['seed']}:{task.run_input['number']}:{task.step_key}:{task.attempt}:{what}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56


def _work(task: Task, *, may_crash: bool, failing: float | None = None) -> Result:
    note("start", run=task.run_id, key=task.step_key, attempt=task.attempt, token=task.token)
    time.sleep(0.02 * draw(task, "time"))
    chance = failing if failing is not None else FAILING if task.attempt == 1 else FAILING_AGAIN
    if draw(task, "fails") < chance:
        _fail(task, KINDS[int(draw(task, "kind") * len(KINDS))], may_crash=may_crash)
    is_sure = draw(task, "fails") >= chance or KINDS[int(draw(task, "kind") * len(KINDS))] != "unsure"
    note(
        "keyed_effect",
        run=task.run_id,
        key=task.step_key,
        idempotency_key=task.idempotency_key,
        applied=do_once(task.idempotency_key),
    )
    return Result({"step": task.step_key, "token": task.token}, confidence=0.95 if is_sure else 0.2)


def _fail(task: Task, kind: str, *, may_crash: bool) -> None:
    note("fails", run=task.run_id, key=task.step_key, attempt=task.attempt, kind=kind)
    match kind:
        case "transient":
            raise TransientError("by lot", retry_after_seconds=0.1)
        case "timeout":
            raise TimeoutError("by lot")
        case "bad_input":
            raise ValueError("by lot")
        case "crash" if may_crash:
            os._exit(1)
        case "crash":
            raise RuntimeError("by lot")
        case _:
            pass  # unsure: it answers, with little confidence
