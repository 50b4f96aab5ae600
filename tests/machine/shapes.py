"""Random workflows: chains, joins and tangles of steps of every kind."""

from typing import Any

from hypothesis import strategies as st

from orchestration import Retry, StepSpec, Verify, WorkflowSpec
from tests.machine.bodies import UNDO, VERIFIERS, WORKERS, Act

MOST_STEPS = 6
_RETRY = Retry(max_attempts=2, backoff_base_seconds=0.0, jitter_seconds=0.0)
_ACTS = (*["ok"] * 8, "low", "transient", "permanent", "bad", "unreadable", "rework", "rework")


@st.composite
def _step(draw: st.DrawFn, key: str, before: list[str], children: list[str], *, spawned: bool) -> StepSpec:
    """Draw one step that may wait for those before it and, maybe, starts one of these child workflows."""
    given: dict[str, Any] = draw(_place(before, spawned=spawned))
    given["critical"] = draw(_mostly(5))
    given["on_failure"] = draw(st.sampled_from(["escalate", "escalate", "escalate", "escalate", "abort"]))
    given["max_reworks"] = draw(st.integers(0, 2))
    who = draw(st.sampled_from(["agent", "agent", "agent", "gated", "gated", "child", "human"]))
    if who == "human":
        return StepSpec(key, agent="human", **given)
    if who == "child" and children:
        given |= {"workflow": draw(st.sampled_from(children)), "input": {"items": "input.items"}}
        return StepSpec(key, **given)
    if who == "gated":
        given["verify"] = draw(_gates)
    return StepSpec(key, agent=WORKERS[0], **given, **draw(_helpers()))


def _mostly(times: int) -> st.SearchStrategy[bool]:
    """Draw True, but once in so many times."""
    return st.integers(0, times - 1).map(bool)


@st.composite
def _place(draw: st.DrawFn, before: list[str], *, spawned: bool) -> dict[str, Any]:
    """Draw what a step waits for, on which condition it is done, and how often."""
    needs = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
    rest = [one for one in before if one not in needs]
    after = draw(st.lists(st.sampled_from(rest), max_size=1)) if rest else []
    given: dict[str, Any] = {"needs": needs, "after": after, "retry": _RETRY}
    may_lack: bool = draw(st.booleans())
    if may_lack:
        given["optional"] = needs
    if not draw(_mostly(5)):
        given["when"] = draw(st.sampled_from(["true", "true", "false", "size(input.items) > 2"]))
    if not draw(_mostly(3)):
        lists = ["[1, 2]", "input.items", *(f"steps.{one}" for one in needs)]
        given["for_each"] = draw(st.sampled_from(lists[: 1 if spawned else None]))
    return given


_gates = st.builds(
    Verify,
    st.lists(st.sampled_from(VERIFIERS), min_size=1, max_size=2, unique=True),
    rule=st.sampled_from(["all", "majority"]),
    max_revisions=st.integers(0, 2),
)


@st.composite
def _helpers(draw: st.DrawFn) -> dict[str, Any]:
    """Draw who is asked when an agent gives up, and who undoes what it did."""
    given: dict[str, Any] = {
        "fallback": draw(st.lists(st.sampled_from(WORKERS[1:]), max_size=2, unique=True))
    }
    if not draw(_mostly(3)):
        given["compensate"] = UNDO
    return given


@st.composite
def step_lists(
    draw: st.DrawFn, children: list[str], *, spawned: bool = False, most: int = MOST_STEPS
) -> tuple[StepSpec, ...]:
    """Draw steps that stand together."""
    steps: list[StepSpec] = []
    for number in range(draw(st.integers(min(2, most - 1), most))):
        before = [step.key for step in steps]
        steps.append(draw(_step(f"s{number}", before, children, spawned=spawned)))
    return tuple(steps)


@st.composite
def families(draw: st.DrawFn) -> tuple[tuple[StepSpec, ...], ...]:
    """Draw the steps of a workflow and of its child workflows, grandchildren first, the workflow itself last.

    Child workflows are named `kid0`, `kid1`; whoever publishes them gives them names of their own.
    """
    kids = [
        draw(step_lists([f"kid{n}" for n in range(number)], most=2))
        for number in range(draw(st.integers(0, 2)))
    ]
    return (*kids, draw(step_lists([f"kid{n}" for n in range(len(kids))])))


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Draw what a body does; one in six spawns steps, or wants to."""
    number = draw(st.integers(0, 3))
    if draw(st.integers(0, 5)) == 0:
        return Act("spawn" if number else "unsure_spawn", number, draw(step_lists([], spawned=True, most=3)))
    return Act(draw(st.sampled_from(_ACTS)), number)


def build(name: str, steps: tuple[StepSpec, ...], names: dict[str, str]) -> WorkflowSpec:
    """Return a workflow of these steps, its child workflows under their own names."""
    from dataclasses import replace

    own = [replace(step, workflow=names[step.workflow]) if step.workflow else step for step in steps]
    # Some have a deadline, far away; the machine lets it come.
    seconds = 3_600.0 if len(steps) % 2 else None
    return WorkflowSpec(name=name, steps=tuple(own), timeout_seconds=seconds)
