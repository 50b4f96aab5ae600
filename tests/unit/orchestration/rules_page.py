"""Writes docs/reference/decisions.md from the tables of rules and failures.

Run `python -m tests.unit.orchestration.rules_page > docs/reference/decisions.md` after a change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from agents.domain.failure_table import BEYOND_STATUS, LIBRARIES, STATUSES
from agents.domain.invocation import FailureKind
from orchestration.domain.policy import MAX_RETRY_WAIT_SECONDS, TRANSIENT, Rule, list_rules
from orchestration.domain.policy.rules import CAUSES, KIND_WORDS

_Key = TypeVar("_Key")
_INTRO = """# Decisions

Every attempt ends with exactly one decision, a row that names its rule and all that the policy saw. This page is made
from the rules themselves (`orchestration/domain/policy/rules.py`); a test keeps it true. How to use them:
[failures](../howto/failures.md). Why they are as they are: [ADR 14](../adr/0014-one-decision-per-failure.md).
"""
_KINDS = {
    FailureKind.TRANSIENT: "`TransientError`, `ConnectionError`",
    FailureKind.RATE_LIMIT: "",
    FailureKind.TIMEOUT: "`TimeoutError`, and a step past its deadline and the grace",
    FailureKind.HELD_UP: "a coroutine past its deadline, because another agent's kept the event loop from turning",
    FailureKind.BAD_INPUT: "`ValueError`, an input that breaks the agent's schema, a CEL expression that fails",
    FailureKind.PERMANENT: "`PermanentError`",
    FailureKind.UNREADABLE: "an output that is not JSON, breaks the agent's schema or is too large; a wrong spawn",
    FailureKind.UNKNOWN_AGENT: "no agent of that name",
    FailureKind.LIMIT: "more children, steps or slots than the limits allow",
    FailureKind.CHILD_FAILED: "a child run that failed or was cancelled",
    FailureKind.CRASH: "a worker process that died with the step",
    FailureKind.BREAKER_OPEN: "the agent's breaker is open; it was not called",
    FailureKind.AGENT_SUSPECT: "the agent failed a moment ago; it was not called",
    FailureKind.OUTAGE: "the database was away until the step's time was over; its agent was not called",
    FailureKind.ENGINE_FAULT: "anything that the engine itself raises at an attempt; always a person's to decide",
    FailureKind.DIVERGED: "`task.once` with other arguments than in an attempt before; always a person's to decide",
    FailureKind.CONFLICT: "a memory that was to be at another version than it is (`expected_version=`)",
    FailureKind.UNKNOWN: "anything else",
}


def write_page() -> str:
    """Return the page."""
    direct = [rule for rule in list_rules() if not _is_way_out(rule)]
    parts = [
        _INTRO,
        "## What can be decided\n",
        _table(("decision", "what it means"), ((f"`{kind}`", words) for kind, words in KIND_WORDS.items())),
        "## Rules\n",
        _table(("rule", "decision", "because"), (_row(rule) for rule in direct)),
        "## Giving a step up\n",
        (
            "Whatever the cause, the first way out that the step has is taken: its next `fallback` agent if there is\n"
            "time left, then a skip if it is not `critical`, then the abort of the run if it says\n"
            '`on_failure="abort"`, then a person. The rule\'s name says both.\n'
        ),
        _table(
            ("cause", "because", "fallback", "not critical", "abort", "a person"),
            ((f"`{cause}`", words, *_names(cause)) for cause, words in CAUSES.items()),
        ),
        "## Kinds of failure\n",
        (
            f"Tried again, if tries and time are left: {_list(sorted(TRANSIENT))}. The wait is\n"
            "`backoff_base_seconds ** failures` and a random part of `jitter_seconds`, or what the provider asked for\n"
            f"(`Retry-After`), at most {MAX_RETRY_WAIT_SECONDS:g} s. A crash is tried again at once.\n"
        ),
        _table(
            ("kind", "raised or found", "HTTP status", "libraries"), (_kind_row(kind) for kind in FailureKind)
        ),
        (
            "Another 4xx status is `permanent`, another 5xx `transient`. An exception's own class comes first, then\n"
            '`RINGMASTER["ERROR_KINDS"]`, then a library that knows more than its status, then the status it carries,\n'
            "then the other libraries, then Python's own classes.\n"
            "One that none of them knows is what its parts are, if it is a group (one that can't pass decides), or\n"
            "else its documented cause (`raise ... from`), if that says whether another try may help.\n"
        ),
    ]
    return "\n".join(parts)


def _is_way_out(rule: Rule) -> bool:
    return any(rule.name == cause or rule.name.startswith(f"{cause}_") for cause in CAUSES)


def _row(rule: Rule) -> tuple[str, ...]:
    return (f"`{rule.name}`", f"`{rule.kind}`", rule.words)


def _names(cause: str) -> tuple[str, ...]:
    return tuple(f"`{cause}{way}`" for way in ("_fallback", "_not_critical", "_abort", ""))


def _kind_row(kind: FailureKind) -> tuple[str, ...]:
    return (
        f"`{kind}`",
        _KINDS[kind],
        ", ".join(map(str, _invert(STATUSES)[kind])),
        _list(_invert({**LIBRARIES, **BEYOND_STATUS})[kind]),
    )


def _invert(table: Mapping[_Key, FailureKind]) -> Mapping[FailureKind, list[_Key]]:
    found: dict[FailureKind, list[_Key]] = defaultdict(list)
    for key, kind in table.items():
        found[kind].append(key)
    return found


def _list(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    print(write_page(), end="")  # noqa: T201 - this is its output
