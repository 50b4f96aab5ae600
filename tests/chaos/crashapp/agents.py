"""Agents that write down when they start and end, what they got, and what they did to the outside world.

What a step does is its input: `seconds` to sleep, a `gate` file to wait for, an `effect` to have.
"""

import os
import threading
import time
from contextlib import suppress
from typing import Any

from agents import PermanentError, Result, Task, agent
from agents.domain.waiting import WantedCall, wait_for_approval
from tests.chaos.crashapp import spending, talking  # noqa: F401 - further agents
from tests.chaos.crashapp.journal import do_once, folder, note
from tests.chaos.crashapp.points import hit


@agent("crash.step", timeout_seconds=60)
def step(task: Task) -> dict[str, str]:
    return _work(task)


@agent("crash.alone", timeout_seconds=60, queue="isolated")
def alone(task: Task) -> dict[str, str]:
    return _work(task)


@agent("crash.unsure", timeout_seconds=60)
def unsure(task: Task) -> Result:
    return Result(_work(task), confidence=0.1)


@agent("crash.exit", timeout_seconds=60)
def leave(task: Task) -> None:
    _start(task)
    os._exit(1)


@agent("crash.grow", timeout_seconds=60)
def grow(task: Task) -> Result:
    """Spawn two steps and one behind them; the first grows in turn, as many levels as asked for."""
    levels = int(task.input["levels"])
    first = (
        {"agent": "crash.grow", "input": {"levels": str(levels - 1)}} if levels else {"agent": "crash.step"}
    )
    steps = [
        {"key": "w0", **first},
        {"key": "w1", "agent": "crash.step"},
        {"key": "both", "agent": "crash.step", "needs": ["w1"], "after": ["w0"]},
    ]
    return Result(_work(task), spawn=steps)


@agent("crash.remember", timeout_seconds=60)
def remember(task: Task) -> dict[str, str]:
    """Note which attempt it was, under one key for all runs."""
    task.remember("project", "crash/mark", {"run": task.run_id, "attempt": task.attempt}, about="crash")
    hit("noted", task.step_key)
    return _work(task)


@agent("crash.recall", timeout_seconds=60)
def tell_recalled(task: Task) -> list[Any]:
    """Put out the memories that it was handed, of which it writes down what they say."""
    said = [memory["value"] for memory in task.recalled]
    note("recalled", run=task.run_id, key=task.step_key, attempt=task.attempt, said=said)
    return list(task.recalled)


@agent("crash.large", timeout_seconds=60)
def put_out_much(task: Task) -> dict[str, str]:
    """Put out more than anybody is handed whole; no two runs the same."""
    return {"text": f"The lamp of {task.run_id} is broken. " * 600}


@agent("crash.receive", timeout_seconds=60)
def receive(task: Task) -> Any:
    _start(task)
    return task.handoff["facts"]


@agent("crash.summarise", timeout_seconds=60)
def summarise(task: Task) -> Result:
    note("summarised", run=task.run_id, key=task.step_key)
    hit("in_summary", task.step_key)
    return Result({"text": f"The lamp of {task.run_id} is broken."})


@agent("crash.calls", timeout_seconds=60)
def call_often(task: Task) -> list[int]:
    """Make so many calls, one after the other, each of which is paid when it is made."""

    def pay(number: int, idempotency_key: str) -> int:
        note("paid", run=task.run_id, key=task.step_key, number=number, call_key=idempotency_key)
        return number * number

    _start(task)
    return [int(task.once(f"call-{n}", pay, n)) for n in range(int(task.input["calls"]))]


@agent("crash.wait", timeout_seconds=60)
def wait(task: Task) -> list[Any]:
    """Pay, wait for a signal and for a moment, and pay again."""

    def pay(name: str) -> str:
        note("paid", run=task.run_id, name=name)
        return name

    before = task.once("before", pay, "before")
    came = task.wait_for("go", timeout_seconds=600)
    task.sleep(0.5)
    return [before, came, task.once("after", pay, "after")]


@agent("crash.approved", timeout_seconds=60)
def pay_if_approved(task: Task) -> dict[str, Any]:
    """Pay what a person approved; once the gate `changed` is open, the step of that name wants to pay more."""

    def pay(euro: int, idempotency_key: str) -> int:
        note("approved_paid", run=task.run_id, key=task.step_key, euro=euro, call_key=idempotency_key)
        return euro

    is_changed = task.step_key == "changed" and (folder() / "gates" / "changed.1").exists()
    wanted = WantedCall("c1", "pay", {"euro": 6 if is_changed else 5}, ("pays",), reversible=False)
    [said] = wait_for_approval(task.calls, [wanted], 1)
    if not said.approve:
        return {"refused": said.message}
    return {"paid": task.once(f"pay-{task.step_key}", pay, said.arguments["euro"])}


@agent("crash.draw", timeout_seconds=60, pools={"gpu": 1})
def draw(task: Task) -> dict[str, str]:
    return _work(task)


@agent("crash.gone", timeout_seconds=60)
def be_gone(task: Task) -> dict[str, str]:
    """Fail as a provider does that is gone, until the gate `back` is open."""
    if not (folder() / "gates" / "back").exists():
        note("call", run=task.run_id, key=task.step_key)
        raise ConnectionError("the provider is gone")
    return _work(task)


@agent("crash.deaf", timeout_seconds=60, queue="isolated")
def be_deaf(task: Task) -> dict[str, str]:
    """Wait at the gate whatever anybody says."""
    note("deaf", run=task.run_id, attempt=task.attempt)
    while not (folder() / "gates" / f"{task.input['gate']}.{task.attempt}").exists():
        with suppress(Exception):
            time.sleep(0.02)
    note("end", run=task.run_id, key=task.step_key, token=task.token)
    return {"step": task.step_key, "token": task.token}


@agent("crash.hold", timeout_seconds=60)
def hold(task: Task) -> dict[str, str]:
    """Keep the interpreter's lock for so many seconds of CPU, as a bad regular expression does."""
    _start(task)
    began = time.thread_time()
    sum(range(1_000_000))
    each = (time.thread_time() - began) / 1_000_000
    sum(range(int(float(task.input["cpu"]) / each)))
    note("end", run=task.run_id, key=task.step_key, token=task.token)
    return {"step": task.step_key, "token": task.token}


@agent("crash.hang", timeout_seconds=1)
def hang(task: Task) -> None:
    """Wait for something that never comes, where nobody hears."""
    _start(task)
    threading.Event().wait()


def _work(task: Task) -> dict[str, str]:
    _start(task)
    hit("in_body", task.step_key)
    if "effect" in task.input:
        _have_effect(task)
        hit("after_effect", task.step_key)
    if "gate" in task.input:
        gate = folder() / "gates" / f"{task.input['gate']}.{task.attempt}"
        while not gate.exists():
            time.sleep(0.02)
    time.sleep(float(task.input.get("seconds", 0)))
    # The token makes the output this attempt's own: the judge sees whose was recorded.
    output = {"step": task.step_key, "token": task.token}
    note("end", run=task.run_id, key=task.step_key, token=task.token)
    return output


def _start(task: Task) -> None:
    facts = {"attempt": task.attempt, "token": task.token, "received": task.handoff}
    note("start", run=task.run_id, key=task.step_key, **facts)


def _have_effect(task: Task) -> None:
    """Write to two targets: one refuses a token it has seen, the other an idempotency key it has seen."""
    note("effect", run=task.run_id, key=task.step_key, token=task.token, applied=do_once(task.token))
    note(
        "keyed_effect",
        run=task.run_id,
        key=task.step_key,
        idempotency_key=task.idempotency_key,
        applied=do_once(task.idempotency_key),
    )


@agent("crash.refuse", timeout_seconds=60)
def refuse(task: Task) -> None:
    """Fail for good, so that the run is aborted."""
    _start(task)
    raise PermanentError("refused")


@agent("crash.undo", timeout_seconds=60)
def undo(task: Task) -> str:
    """Take back what a step did, at a target that drops what it has seen under the same key."""
    _start(task)
    hit("in_body", task.step_key)
    _have_effect(task)
    hit("after_effect", task.step_key)
    return f"undone {task.input['output']['step']}"
