"""How a call of an agent ended, once what it called is looked at: that counts more than what the agent makes of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, Failed, FailureKind, SentBack, Suspends, Task, Usage
from agents.domain.usage import CallUsage
from agents.errors import CallDiverged
from orchestration.domain.policy import AwaitsCalls, Ending, OutOfBudget
from orchestration.domain.work import Facts
from orchestration.executor.journal import ClaimJournal

_SWALLOWED: Final = (
    "it answered although it waits for {what}: a bare `except:`, an `except BaseException` or "
    "gather(return_exceptions=True) swallowed the suspension; let Suspended pass, and cancel a task whose wait is no "
    "longer of use"
)


def settle_calls(task: Task, outcome: Ending, facts: Facts) -> tuple[Ending, Facts]:
    """Return how a call of an agent ended, and what is known of it, once what it called and noted is looked at."""
    journal = task.calls.journal
    if not isinstance(journal, ClaimJournal):
        return outcome, facts
    ending, told = _settle(task, journal, outcome, facts)
    if isinstance(ending, Answered):
        told = journal.gather_notes(task.calls.notebook.list_notes(), told)
    return ending, told


def _settle(task: Task, journal: ClaimJournal, outcome: Ending, facts: Facts) -> tuple[Ending, Facts]:
    """Return how it ended, and what is known of it but for its notes.

    An agent that went on after another call than before was found, beyond the limits, or although it waits for
    something, has no outcome of its own.
    """
    made = journal.summarise()
    told = facts if made is None else replace(facts, calls=made)
    if isinstance(outcome, Answered | Failed):
        outcome = replace(outcome, usage=_add(outcome.usage, journal.find_used()))
    if journal.fault is not None:
        kind = FailureKind.DIVERGED if isinstance(journal.fault, CallDiverged) else FailureKind.LIMIT
        return _refuse(outcome, journal, kind, str(journal.fault), type(journal.fault).__name__), told
    if journal.kept_away is not None and isinstance(outcome, Failed):
        outcome = replace(journal.kept_away, usage=outcome.usage)
    match outcome:
        case Suspends() if journal.is_suspended:
            return name_wait(outcome.agent, outcome.agent_version, journal), told
        case Suspends():
            words = "it raised Suspended, but waits for nothing: write task.sleep, task.wait_for or task.ask_person"
            return _refuse(outcome, journal, FailureKind.PERMANENT, words, "Suspended"), told
        case Answered() | SentBack() if journal.is_held_up(task.calls.parked):
            what = ", ".join(journal.waits) or "its budget, or for its run, which is paused"
            words = _SWALLOWED.format(what=what[:200])
            return _refuse(outcome, journal, FailureKind.PERMANENT, words, "Suspended"), told
        case _:
            return outcome, told


def name_wait(agent: str, version: int, journal: ClaimJournal) -> Ending:
    """Return what an attempt waits for: a budget before all else, since nothing goes on without it."""
    short = journal.short
    if short is not None:
        return OutOfBudget(short.pot, short.unit, short.needed, short.left, short.fits_later, short.words)
    waits = tuple(journal.waits.values())
    return AwaitsCalls(waits, journal.known, agent, version)


def _refuse(
    outcome: Ending, journal: ClaimJournal, kind: FailureKind, words: str, error_class: str
) -> Failed:
    """Return the failure that an outcome is; what the agent used for it stays told."""
    version = getattr(outcome, "agent_version", None)
    fault = describe_refusal(kind, words, journal.agent, agent_version=version, error_class=error_class)
    return replace(fault, usage=getattr(outcome, "usage", {}))


def _add(said: Usage, used: CallUsage | None) -> Usage:
    """Return what an agent says of its own, and what its models used: the sum where it says the same things."""
    if used is None:
        return said
    counts = {name: getattr(used, name) for name in ("input_tokens", "output_tokens")}
    told = {name: count + int(said.get(name, 0)) for name, count in counts.items() if count is not None}
    if used.cost_usd is None:
        return {**said, **told}
    return {**said, **told, "cost_usd": f"{Decimal(used.cost_usd) + Decimal(said.get('cost_usd', 0)):f}"}
