"""The workflows of these tests."""

from typing import Any

from orchestration import StepSpec, WorkflowSpec

FAN = ("fan1", "fan2", "fan3", "fan4")


def ring_spec(
    name: str, *, fan_agent: str = "crash.step", fan: tuple[str, ...] = FAN, **work: Any
) -> WorkflowSpec:
    """Return a chain of three, a fan-out, a join and a tail of two; `work` is what every step does.

    Args: fan_agent: performs the parallel steps.  fan: their keys.
    """
    chain = [step("a1", **work), step("a2", ["a1"], **work), step("a3", ["a2"], **work)]
    parallel = [step(key, ["a3"], agent=fan_agent, **work) for key in fan]
    tail = [
        step("join", list(fan), **work),
        step("tail1", ["join"], **work),
        step("tail2", ["tail1"], **work),
    ]
    return WorkflowSpec(name=name, steps=(*chain, *parallel, *tail))


def step(key: str, needs: list[str] | None = None, *, agent: str = "crash.step", **work: Any) -> StepSpec:
    """Return a step whose agent does `work`; see `crashapp/agents.py`."""
    return StepSpec(
        key, agent=agent, needs=tuple(needs or ()), input={k: _to_cel(v) for k, v in work.items()}
    )


def _to_cel(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else repr(value)
