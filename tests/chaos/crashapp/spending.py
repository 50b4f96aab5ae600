"""An agent that spends: its calls reserve and use as those of models do, and some cost more than was said."""

from agents import Task, agent
from agents.domain.calls import Begun, CallKind, CallWish
from agents.domain.usage import CallUsage, Reservation
from tests.chaos.crashapp.journal import note

CALLS = 3
_MOST = Reservation(100, 1_000)
_USED = (CallUsage(30, 10, cost_micro_usd=400), None, CallUsage(110, 40, cost_micro_usd=1_500))
"""Less than was reserved; not known; more than was reserved."""


def name_call(step_key: str, number: int) -> str:
    """Return what a call is named; runs of one workflow have the same names."""
    return f"{step_key.replace('[', '-').rstrip(']')}.{number}"


@agent("crash.spend", timeout_seconds=60)
def spend(task: Task) -> str:
    """Make calls one after the other, each named after its step."""
    for number in range(CALLS):
        name = name_call(task.step_key, number)
        wish = CallWish(f"{name}#1", CallKind.ONCE, name, "[]")
        begun = task.calls.journal.begin(wish, _MOST)
        if isinstance(begun, Begun):
            note("spent", run=task.run_id, key=task.step_key, number=number)
            task.calls.journal.end(wish, begun, '"said"', _USED[number])
    return "spent"
