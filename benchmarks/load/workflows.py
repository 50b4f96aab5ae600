"""The shapes that are measured."""

from orchestration import StepSpec, WorkflowSpec

CHAIN_LENGTH = 10
FAN_WIDTH = 32
WIDE = 1_000


def _chain(name: str, agent: str, seconds: float | None = None) -> WorkflowSpec:
    given = {} if seconds is None else {"seconds": str(seconds)}
    return WorkflowSpec(
        name=name,
        steps=tuple(
            StepSpec(f"s{i}", agent=agent, needs=(f"s{i - 1}",) if i else (), input=given)
            for i in range(CHAIN_LENGTH)
        ),
    )


def _fan(name: str, width: int, agent: str, seconds: float | None = None) -> WorkflowSpec:
    given = {} if seconds is None else {"seconds": str(seconds)}
    branches = tuple(StepSpec(f"p{i}", agent=agent, needs=("plan",), input=given) for i in range(width))
    join = StepSpec("join", agent="bench.noop", needs=tuple(branch.key for branch in branches))
    return WorkflowSpec(name=name, steps=(StepSpec("plan", agent="bench.noop"), *branches, join))


ONE = WorkflowSpec(name="bench-one", steps=(StepSpec("turn", agent="bench.noop"),))
CHAIN = _chain("bench-chain", "bench.noop")
CRASH_CHAIN = _chain("bench-crash-chain", "bench.sleep", 0.2)
FAN = _fan("bench-fan", FAN_WIDTH, "bench.noop")
WIDE_FAN = _fan("bench-wide", WIDE, "bench.sleep", 1.0)
