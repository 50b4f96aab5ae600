"""Every rule by name, with what it decides and what that means to a person. The page of rules derives from this table.

A rule that gives a step up is named by its cause and by the way out that was taken: `bad_input_fallback`,
`bad_input_not_critical`, `bad_input_abort`, and `bad_input` alone for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orchestration.domain.states import CLOSED_BY_PERSON, DecisionKind


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `words`: why it decides so, as the second half of a sentence."""

    name: str
    kind: DecisionKind
    words: str


KIND_WORDS: Final[Mapping[DecisionKind, str]] = {
    DecisionKind.ACCEPT: "Accepted",
    DecisionKind.RETRY: "To be tried again",
    DecisionKind.REVISE: "To be done again with feedback",
    DecisionKind.REWORK: "Sent back to an earlier step",
    DecisionKind.FALLBACK: "To be done by another agent",
    DecisionKind.WAIT: "Waits",
    DecisionKind.SKIP: "Skipped",
    DecisionKind.ESCALATE: "Held for a person",
    DecisionKind.ABORT: "The run was aborted",
    DecisionKind.WITHDRAW: "Withdrawn",
}
"""What was decided, as the first half of a sentence."""

WITHDRAWN: Final = Rule(
    "withdrawn",
    DecisionKind.WITHDRAW,
    "its step was cancelled or sent back meanwhile",
)
"""Of an attempt that did not end by itself: whoever ended its step decides by this one."""

_DIRECT: Final = (
    Rule("no_confidence_asked", DecisionKind.ACCEPT, "no confidence was asked for, and none stated"),
    Rule("confident", DecisionKind.ACCEPT, "the agent is confident enough"),
    Rule("confidence_missing", DecisionKind.ESCALATE, "a confidence was asked for, and none stated"),
    Rule("low_confidence", DecisionKind.ESCALATE, "the agent is not confident enough"),
    Rule("to_be_verified", DecisionKind.WAIT, "its verifiers look at the answer first"),
    Rule("verified", DecisionKind.ACCEPT, "its verifiers passed the answer"),
    Rule("verifier_fail", DecisionKind.REVISE, "its verifiers failed the answer and said why"),
    Rule(
        "revisions_exhausted", DecisionKind.ESCALATE, "its verifiers failed the answer once more than allowed"
    ),
    Rule("revision_too_late", DecisionKind.ESCALATE, "its verifiers failed the answer, and time is up"),
    Rule("rework", DecisionKind.REWORK, "its agent sent work back to an earlier step"),
    Rule("rework_refused", DecisionKind.ESCALATE, "its agent wants to send work back to where it can't go"),
    Rule("rework_too_late", DecisionKind.ESCALATE, "its agent wants to send work back, and time is up"),
    Rule("condition_false", DecisionKind.SKIP, "its condition is false"),
    Rule("need_passed_over", DecisionKind.SKIP, "a step it needs was passed over"),
    Rule(CLOSED_BY_PERSON, DecisionKind.SKIP, "a person closed its child run without an answer"),
    Rule("for_each", DecisionKind.WAIT, "its items are done one by one"),
    Rule("spawned", DecisionKind.WAIT, "the steps that its agent asked for are done first"),
    Rule("child_run", DecisionKind.WAIT, "the run that it started is done first"),
    Rule("no_items", DecisionKind.ACCEPT, "there was no item to do"),
    Rule("nothing_spawned", DecisionKind.ACCEPT, "its agent asked for no further step"),
    Rule("items_done", DecisionKind.ACCEPT, "all its items are done"),
    Rule("spawned_done", DecisionKind.ACCEPT, "all steps that its agent asked for are done"),
    Rule("child_run_done", DecisionKind.ACCEPT, "the run that it started succeeded"),
    Rule("summaries", DecisionKind.WAIT, "what it is handed is summarised first"),
    Rule("summary_kept", DecisionKind.ACCEPT, "the same summary had been made before"),
    Rule("summary_under_way", DecisionKind.RETRY, "another step of the run makes the same summary"),
    Rule(
        "summary_fell_back",
        DecisionKind.SKIP,
        "it gave no summary that can be handed over; sentences of the original are",
    ),
    Rule("human_step", DecisionKind.ESCALATE, "people do this step"),
    Rule("awaits_calls", DecisionKind.WAIT, "its agent waits for a time or a signal"),
    Rule("pause_at_call", DecisionKind.WAIT, "its run was paused, and it stopped at its next call"),
    Rule("question", DecisionKind.ESCALATE, "its agent asks a person something"),
    Rule("uncertain_effect", DecisionKind.ESCALATE, "a call that can't be repeated may have happened"),
    Rule("approval", DecisionKind.ESCALATE, "its agent wants to call what a person must approve"),
    Rule("transient_retry", DecisionKind.RETRY, "the failure may pass, tries are left"),
    Rule("retry_after", DecisionKind.RETRY, "the provider said when to come back"),
    Rule("crash_retry", DecisionKind.RETRY, "its worker process ended, tries are left"),
    Rule("crash_limit", DecisionKind.ESCALATE, "it ended its worker process too often"),
    Rule("crash_too_late", DecisionKind.ESCALATE, "its worker process ended, and time is up"),
    Rule("agent_suspect", DecisionKind.WAIT, "its agent failed a moment ago, and enough calls are under way"),
    Rule(
        "breaker_asked",
        DecisionKind.WAIT,
        "its agent is kept from work, and a person is being asked about it",
    ),
    Rule("breaker_wait", DecisionKind.WAIT, "its agent is kept from work until it answers again"),
    Rule("run_deadline", DecisionKind.ESCALATE, "the run is past its deadline; a person says if it goes on"),
    Rule(
        "run_deadline_abort", DecisionKind.ABORT, "the run is past its deadline, and the step says to abort"
    ),
    Rule("run_deadline_wait", DecisionKind.WAIT, "the run is past its deadline, and a person is being asked"),
    Rule("reviewers_wait", DecisionKind.WAIT, "the people whose queue its agent feeds can't keep up"),
    Rule(
        "reviewers_asked", DecisionKind.WAIT, "people can't keep up, and one of them is being asked about it"
    ),
    Rule("reviewers", DecisionKind.ESCALATE, "people can't keep up, and it can't wait any longer"),
    Rule(
        "budget_wait", DecisionKind.WAIT, "its next call fits into its budget once calls under way have ended"
    ),
    Rule("budget_asked", DecisionKind.WAIT, "its budget is used up, and a person is being asked about it"),
    Rule("budget", DecisionKind.ESCALATE, "its budget is used up; a person tops it up, or ends it"),
    Rule("budget_abort", DecisionKind.ABORT, "its budget is used up, and the step says to abort"),
    Rule(
        "memory_conflict", DecisionKind.RETRY, "what it wanted to remember had changed since it had read it"
    ),
    Rule("memory_contended", DecisionKind.ESCALATE, "what it wants to remember changes faster than it can"),
    WITHDRAWN,
    Rule("engine_fault", DecisionKind.ESCALATE, "the engine itself failed at it; its agent is not to blame"),
    Rule("journal_diverged", DecisionKind.ESCALATE, "it made another call than was done before in its place"),
    Rule("unforeseen", DecisionKind.ESCALATE, "it ended in a way that no rule names"),
)

CAUSES: Final[Mapping[str, str]] = {
    "attempts_exhausted": "the failure might have passed, but no tries are left",
    "deadline": "the failure might have passed, but not before the deadline",
    "bad_input": "the agent refused its input; a retry can't help",
    "permanent": "the agent says that a retry can't help",
    "unreadable": "the answer can't be read",
    "unknown_agent": "no worker has this agent",
    "limit": "it wanted more than the limits allow",
    "child_failed": "the run that it started did not succeed",
    "unknown": "an error that no rule foresees",
    "breaker_open": "its agent is kept from work, and it can't wait any longer",
}
"""Why a step is given up; each has four ways out."""

_WAYS: Final = (
    ("_fallback", DecisionKind.FALLBACK, "another agent is asked"),
    ("_not_critical", DecisionKind.SKIP, "and the step is not critical"),
    ("_abort", DecisionKind.ABORT, "and the step says to abort"),
    ("", DecisionKind.ESCALATE, ""),
)
# A breaker is not waited for when somebody else can be asked.
_CAUSE_OF_FALLBACK: Final = {"breaker_open": "its agent is kept from work until it answers again"}


def _list_ways(cause: str, words: str) -> list[Rule]:
    rules = []
    for ending, kind, more in _WAYS:
        why = _CAUSE_OF_FALLBACK.get(cause, words) if kind is DecisionKind.FALLBACK else words
        rules.append(Rule(f"{cause}{ending}", kind, f"{why}, {more}" if more else why))
    return rules


_RULES: Final = {
    rule.name: rule
    for rule in (*_DIRECT, *(rule for cause, words in CAUSES.items() for rule in _list_ways(cause, words)))
}


def list_rules() -> list[Rule]:
    """Return every rule, in the order of the page."""
    return list(_RULES.values())


def describe_rule(name: str) -> str:
    """Return what a rule means; its own name where no table of this release knows it."""
    known = find_rule(name)
    return known.words if known else name.replace("_", " ")


def describe_decision(kind: str, rule: str) -> str:
    """Return what was decided and why, for a person."""
    return f"{KIND_WORDS[DecisionKind(kind)]}: {describe_rule(rule)}"


def find_rule(name: str) -> Rule | None:
    """Return the rule of a name; None for one of another release."""
    return _RULES.get(name)
