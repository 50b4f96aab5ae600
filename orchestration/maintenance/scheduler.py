"""Wakes what is due and rings again for what was lost."""

from uuid import UUID

from orchestration import runs
from orchestration.conf import get_conf, get_signer
from orchestration.dispatch import dispatch
from orchestration.domain.calls import SignalName
from orchestration.journal.matching import match_signals
from orchestration.journal.reading import find_open_waits, find_unlooked
from orchestration.journal.waiting import answer_due, answer_over, find_due_with_signals
from orchestration.maintenance.each import do_each
from orchestration.maintenance.rescuer import LIMIT
from orchestration.selectors.left import find_unpaused, find_untold
from orchestration.transitions.answered import wake_answered as wake_answered_steps
from orchestration.transitions.answered import wake_forgotten
from orchestration.transitions.control import pause_stray
from orchestration.transitions.heal import (
    find_unreleased,
    ring_left_steps,
    ring_lost_steps,
    wake_answered_deadlines,
    wake_due_steps,
    wake_known_agents,
    wake_now,
)
from orchestration.transitions.release import release_step, tell_parent

# A release takes milliseconds; a mark older than this was left by a crash.
_RELEASE_PATIENCE_SECONDS = 1.0


def wake_due() -> int:
    """Make due retries available and dispatch them."""
    return _ring(wake_due_steps(LIMIT))


def end_waits() -> int:
    """Answer waits whose time is over, and go on with their steps; where a signal came in time, by that."""
    contested = find_due_with_signals(LIMIT)
    do_each("match_due_signals", contested, _match)
    answered = answer_due(LIMIT)
    _ring(wake_answered_steps(answered))
    return len(contested) + len(answered)


def match_forgotten_signals() -> int:
    """Give signals to who waits for them, where the process that took them in broke off."""
    forgotten = find_unlooked(LIMIT)
    do_each("match_forgotten_signals", forgotten, _match)
    return len(forgotten)


def _match(about: SignalName) -> None:
    _ring(match_signals(about.run_id, about.name))


def wake_forgotten_answers() -> int:
    """Go on with steps whose answer came without anybody's waking them."""
    return _ring(wake_forgotten(LIMIT))


def settle_run(run_id: UUID, *, times_out: bool = False) -> int:
    """Release and wake whatever a tree of runs has waiting, whatever its time; for tests that drive it themselves.

    Args: times_out: waits for signals are over too.
    """
    woken = [step for new in find_unlooked(LIMIT, run_id) for step in match_signals(new.run_id, new.name)]
    answer_over(find_open_waits(run_id, times_out=times_out))
    woken += wake_forgotten(LIMIT)
    marked = find_unreleased(0.0, LIMIT, run_id)
    released = [item for step_id in marked for item in release_step(step_id, get_signer())]
    orphans = runs.cancel_orphans(run_id)
    return (
        len(woken) + len(released) + _tell(find_untold(0.0, LIMIT, run_id)) + len(wake_now(run_id)) + orphans
    )


def wake_for_known_agents() -> int:
    """Dispatch steps that waited for an agent which a present worker knows by now."""
    return _ring(wake_known_agents())


def wake_answered() -> int:
    """Dispatch steps of runs past their deadline that a person let go on."""
    return _ring(wake_answered_deadlines())


def ring_left() -> int:
    """Dispatch what was more than a caller could wait for."""
    return _ring(ring_left_steps(LIMIT))


def ring_lost() -> int:
    """Dispatch available steps again whose message must be lost."""
    conf = get_conf()
    return _ring(ring_lost_steps(conf.LOST_AFTER_SECONDS, conf.REDISPATCH_LIMIT))


def release_forgotten() -> int:
    """Finish releases that a crash broke off."""
    forgotten = find_unreleased(_RELEASE_PATIENCE_SECONDS, LIMIT)
    do_each("release_forgotten", forgotten, _release)
    return len(forgotten)


def tell_parents() -> int:
    """Go on with steps whose child run ended without their being told."""
    return _tell(find_untold(_RELEASE_PATIENCE_SECONDS, LIMIT))


def cancel_orphans() -> int:
    """Cancel child runs that nobody waits for any more, as a cancel leaves them that broke off half-way."""
    return runs.cancel_orphans()


def pause_strays() -> int:
    """Pause child runs that go on although the run above them is paused."""
    return sum(do_each("pause_strays", find_unpaused(LIMIT), pause_stray))


def _release(step_id: int) -> None:
    _ring([item.step_id for item in release_step(step_id, get_signer()) if not item.rung])


def _tell(ended: list[UUID]) -> int:
    do_each("tell_parents", ended, lambda run_id: _ring([item.step_id for item in tell_parent(run_id)]))
    return len(ended)


def _ring(step_ids: list[int]) -> int:
    if step_ids:
        dispatch(step_ids)
    return len(step_ids)
