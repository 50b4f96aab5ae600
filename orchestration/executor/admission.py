"""Between a claim and its agent: the breakers of the agent and of the models it asks, and the door of this process.

A step whose agent is kept away from work is claimed all the same; then its attempt ends without a call, and the policy
decides: a fallback, or waiting. Read next: `agents/admission/`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog
from django.db import Error, connection

from agents.admission import (
    BreakerOpen,
    Door,
    Standing,
    admit,
    count_call,
    find_opening,
    holds_slots,
    may_ask,
    note_failure,
    note_success,
    note_unclear,
    presume_failure,
)
from agents.conf import get_conf as get_agents_conf
from agents.domain.circuit import COUNTED, OF_MODELS
from agents.domain.classification import classify, describe_refusal
from agents.domain.contract import MAX_NAME_LENGTH, strip_pin
from agents.domain.invocation import Answered, Failed, FailureKind, Outcome, SentBack
from agents.providers import find_address
from orchestration.domain.policy import Ending, HeldBack
from orchestration.domain.spec import StepSpec
from orchestration.domain.work import Claim
from orchestration.executor.reviewers import look_at_reviewers
from orchestration.selectors.admission import kept_away_since

log = structlog.get_logger(__name__)

_DOOR: Final = Door()
_is_muted: Final[ContextVar[bool]] = ContextVar("breakers_muted", default=False)


@contextmanager
def mute_breakers() -> Iterator[None]:
    """Let every call through and count no failure, in this thread; for tests that let agents fail as they like."""
    token = _is_muted.set(True)
    try:
        yield
    finally:
        _is_muted.reset(token)


def keep_away(claim: Claim) -> Failed | HeldBack | None:
    """Return why the agent is not to be called now; None lets the call in, and `note_call` must follow it."""
    if claim.must_ask and (held_back := look_at_reviewers(claim)) is not None:
        return held_back
    if claim.pools and not holds_slots(claim.token, claim.pools):
        wanted = ", ".join(f"{amount} of {name}" for name, amount in claim.pools.items())
        message = (
            f"it asks for more slots than there are ({wanted}): let it ask for less, or enlarge the pool"
        )
        return describe_refusal(FailureKind.LIMIT, message, claim.agent)
    return None if _is_muted.get() else _ask_breaker(claim)


def _ask_breaker(claim: Claim) -> Failed | None:
    if claim.must_ask:
        answer = admit(claim.agent, claim.token)
        if isinstance(answer, BreakerOpen):
            return describe_refusal(FailureKind.BREAKER_OPEN, _describe(answer), claim.agent)
        if answer.is_probe:
            return None
    agent = strip_pin(claim.agent)
    standing = _DOOR.let_in(agent, claim.token)
    if standing is not Standing.GOOD and not presume_failure(
        agent,
        attempt_id=claim.attempt_id,
        token=claim.token,
        uncounted=_DOOR.count_uncounted(agent),
        in_a_row=_DOOR.count_in_a_row(agent),
        is_new=standing is Standing.NEW,
    ):
        message = f"{agent} failed a moment ago, and as many calls as may are under way"
        return describe_refusal(FailureKind.AGENT_SUSPECT, message, claim.agent)
    return None


def keep_model_away(claim: Claim, model: str) -> Failed | None:
    """Return why a model is not to be asked now; None lets the request out, and `note_model` must follow it.

    Args: model: as the agent names it.
    """
    if _is_muted.get():
        return None
    name = _name_model(model)
    answer = admit(name, claim.token)
    if not isinstance(answer, BreakerOpen):
        return None
    return replace(describe_refusal(FailureKind.BREAKER_OPEN, _describe(answer), claim.agent), waits_on=name)


def note_model(claim: Claim, model: str, error: Exception | None = None) -> None:
    """Let a model's breaker know how a request to it ended; of a success that was no probe nothing is written.

    What can't be told is not counted: what the agent makes of it matters more.
    """
    if _is_muted.get():
        return
    name = _name_model(model)
    count_call(name)
    try:
        if error is None:
            note_success(name, claim.token)
        else:
            kind = classify(error, get_agents_conf().ERROR_KINDS)
            note_failure(name, kind, attempt_id=claim.attempt_id, token=claim.token)
    except Exception as fault:
        if connection.in_atomic_block and isinstance(fault, Error):
            raise
        log.warning("breaker_not_told", step=claim.step_id, model=name, error=str(fault))


def _name_model(model: str) -> str:
    return f"{OF_MODELS}{find_address(model).replace('@', '-')}"[:MAX_NAME_LENGTH]


def note_call(claim: Claim, outcome: Outcome) -> None:
    """Let this process know at once how a call ended; the breaker hears of it with the attempt's end."""
    if _is_muted.get():
        return
    count_call(strip_pin(claim.agent))
    is_answer = isinstance(outcome, Answered | SentBack)
    failed = isinstance(outcome, Failed) and outcome.kind in COUNTED
    _DOOR.note_end(strip_pin(claim.agent), claim.token, failed=failed if failed or is_answer else None)


def tell_breaker(claim: Claim, outcome: Ending, *, is_suspect: bool = False) -> None:
    """Let the agent's breaker know how an attempt ended; of a healthy agent's success nothing is written.

    What can't be told, as while the database is away, is not counted: the end of the attempt matters more.

    Args: is_suspect: its process died with other steps in it: whose fault that was is not known.
    """
    if _is_muted.get():
        return
    try:
        _tell(claim, outcome, is_suspect=is_suspect)
    except Exception as error:
        if connection.in_atomic_block and isinstance(error, Error):
            raise
        log.warning("breaker_not_told", step=claim.step_id, agent=claim.agent, error=str(error))
    finally:
        if isinstance(outcome, Failed) and outcome.kind in COUNTED:
            _DOOR.note_written(strip_pin(claim.agent), claim.token)


def _tell(claim: Claim, outcome: Ending, *, is_suspect: bool) -> None:
    match outcome:
        case Answered() | SentBack():
            note_success(claim.agent, claim.token)
        case Failed() if not is_suspect:
            in_a_row = _DOOR.count_in_a_row(strip_pin(claim.agent))
            note_failure(
                claim.agent, outcome.kind, attempt_id=claim.attempt_id, token=claim.token, in_a_row=in_a_row
            )
        case _:
            note_unclear(claim.agent, claim.token)


@dataclass(frozen=True, slots=True)
class KeptAway:
    """How a step stands that a breaker keeps away. `may_ask`: no other step asks people about it."""

    is_over: bool
    may_ask: bool


def look_at_kept_away(claim: Claim, spec: StepSpec, waits_on: str = "") -> KeptAway:
    """Return whether a step has waited for a breaker as long as it may, and may then ask people.

    People are asked once per opening, by one step; it is that one from here on.

    Args: waits_on: the model whose breaker it is; its agent's, if left out.
    """
    whose = waits_on or claim.agent
    opening = find_opening(whose)
    if opening is None:
        return KeptAway(is_over=False, may_ask=False)
    since = kept_away_since(claim.step_id, opening.opened_at)
    is_over = since is not None and claim.now() >= since + timedelta(seconds=claim.timeout_seconds)
    asks = is_over and spec.critical and spec.on_failure == "escalate"
    return KeptAway(is_over, may_ask=asks and may_ask(whose, claim.step_id))


def _describe(answer: BreakerOpen) -> str:
    since = (
        f"{answer.agent} failed too often and is kept away from work since {answer.opened_at:%H:%M:%S} UTC"
    )
    if answer.until is None:
        return f"{since}; a probe is under way"
    return f"{since}; one probe may pass from {answer.until:%H:%M:%S} UTC"
