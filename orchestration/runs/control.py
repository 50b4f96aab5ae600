"""What a person orders for a run and its whole tree: cancel, finish, pause, resume, retry. Each may be called again."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import structlog
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import OperationalError, connection, transaction

from agents.domain.canonical import canonical_json
from agents.domain.classification import make_storable
from agents.errors import UnreadableOutput
from orchestration.actors.life import require_latest_turn
from orchestration.conf import get_conf, get_signer
from orchestration.dispatch import dispatch, dispatch_after_commit
from orchestration.domain.receipts import canonical
from orchestration.domain.states import LIVE_RUN, ResultKind, RunStatus
from orchestration.domain.work import PERSON, EarlyEnd
from orchestration.errors import OutputInvalid, RunCompensating, RunFinal, RunHasParent, RunNotFailed
from orchestration.models import Run, Workflow
from orchestration.planning import find_first_doers, load_plan, plan_undo
from orchestration.runs.starting import get_run
from orchestration.selectors.left import find_orphans
from orchestration.selectors.trees import find_result
from orchestration.transitions.control import (
    Resumed,
    end_orphan,
    pause_tree,
    resume_tree,
)
from orchestration.transitions.heal import find_unreleased
from orchestration.transitions.release import release_step, tell_parent
from orchestration.transitions.renew import Renewed, renew_tree
from orchestration.transitions.reset import restore_doers
from orchestration.transitions.stop import cancel_run, finish_run

log = structlog.get_logger(__name__)
_BATCH = 500
_DEADLOCK_TRIES = 3
_T = TypeVar("_T")


def cancel(run_id: UUID | str, reason: str = "", by: AbstractBaseUser | None = None) -> Run:
    """Cancel a run and all runs below it; a cancelled run is returned as it is.

    No claim commits after it. A body in flight sees `task.cancelled`; what it answers is refused and recorded.

    Raises: RunNotFound. RunFinal: it succeeded or failed.
    """
    run = get_run(run_id)
    if run.status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
        raise RunFinal(f"run {run.pk} has {run.status}; there is nothing to cancel")
    why = _words(reason) or _say("cancelled", by)
    event = _describe_order(reason, by)
    _firmly(lambda: cancel_run(run.pk, why, get_signer(), event_json=event))
    if get_run(run.pk).status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
        raise RunFinal(f"run {run.pk} ended before it could be cancelled; look at it")
    dispatch([item.step_id for item in tell_parent(run.pk)])
    cancel_orphans(run.root_id)
    return get_run(run.pk)


def finish(
    run_id: UUID | str, output: Any = None, reason: str = "", by: AbstractBaseUser | None = None
) -> Run:
    """End a live run as a success with an output, although something in it is open; the runs below it are cancelled.

    What is open is cancelled and its tickets are withdrawn; nothing is undone. A run that was finished so with the same
    output is returned as it is.

    Args: output: any JSON value; it is the run's result, and what the step of a run above gets.
    Raises: RunNotFound. OutputInvalid: no JSON, or too large.  RunFinal: it has ended.  RunCompensating: it undoes
        what it did.
    """
    run, output_json = get_run(run_id), _write_output(output)
    why = _words(reason) or _say("finished", by)
    early = EarlyEnd(ResultKind.FINISHED, output_json, f"{PERSON}{_name(by)}" if by else "code", why)
    event = _describe_order(reason, by)
    if not _firmly(lambda: finish_run(run.pk, early, get_signer(), event_json=event)):
        _require_finished(get_run(run.pk), output_json)
    dispatch([item.step_id for item in tell_parent(run.pk)])
    cancel_orphans(run.root_id)
    return get_run(run.pk)


def _write_output(output: Any) -> str:
    try:
        return canonical_json(output, max_bytes=get_conf().MAX_COLLECTED_BYTES)
    except UnreadableOutput as error:
        raise OutputInvalid(f"output{error.path}: {error.reason}") from error


def _require_finished(run: Run, output_json: str) -> None:
    result = find_result(run.pk)
    if result is not None and (result.kind, result.output_json) == (ResultKind.FINISHED, output_json):
        return  # the same order, sent twice
    if run.status == RunStatus.COMPENSATING:
        raise RunCompensating(f"run {run.pk} undoes what it did; wait for its end, or cancel it")
    raise RunFinal(f"run {run.pk} is {run.status}; there is nothing to finish")


def cancel_orphans(root_id: UUID | None = None) -> int:
    """End live runs that nobody waits for any more, of one tree or of all, from the top down; return how many.

    What a cancel of a tree goes on with, and what the maintainer finds when such a cancel broke off. Below a run that
    was aborted they are aborted too, and undo what they did.

    Raises: what went wrong with one of them, once the others have ended.
    """
    done = 0
    failed: dict[UUID, Exception] = {}
    # Those below one turn up once it has ended.
    while orphans := [orphan for orphan in find_orphans(_BATCH, root_id) if orphan not in failed]:
        ended = 0
        for orphan in orphans:
            try:
                begun = _firmly(partial(end_orphan, orphan, get_signer(), plan_undo))
            except Exception as error:  # noqa: BLE001 - raised below: one must not keep the others
                failed[orphan] = error
                continue
            dispatch(begun or [])
            ended += begun is not None
        done += ended
        if not ended:
            break
    if failed:
        raise next(iter(failed.values()))
    return done


def pause(run_id: UUID | str, reason: str = "", by: AbstractBaseUser | None = None) -> Run:
    """Pause a run and all runs below it; a paused one stays paused.

    What runs is finished, released, held and decided; nothing new is claimed until the run is resumed.

    Raises: RunNotFound. RunFinal: it has ended. RunCompensating: it undoes what it did.
    """
    run = get_run(run_id)

    def act() -> None:
        with transaction.atomic():
            _require_live(
                run, pause_tree(run.pk, event_json=_describe_order(reason, by))[0].status, "nothing to pause"
            )

    _firmly(act)
    return get_run(run.pk)


def resume(run_id: UUID | str, reason: str = "", by: AbstractBaseUser | None = None) -> Run:
    """Let a paused run and all paused runs below it go on; a running one is returned as it is.

    Raises: RunNotFound. RunFinal: it has ended. RunHasParent: the run above it is paused.
    """
    run = get_run(run_id)
    parent = run.parent_step.run if run.parent_step else None
    if parent is not None and parent.status == RunStatus.PAUSED:
        raise RunHasParent(f"run {run.pk} belongs to run {parent.pk}, which is paused; resume that one")

    def act() -> Resumed:
        with transaction.atomic():
            resumed = resume_tree(run.pk, event_json=_describe_order(reason, by))
            _require_live(run, resumed.tree[0].status, "nothing to resume", compensating=True)
            dispatch_after_commit(resumed.available)
        return resumed

    _firmly(act)
    _release_marked(run.root_id)
    return get_run(run.pk)


def retry(run_id: UUID | str, reason: str = "", by: AbstractBaseUser | None = None) -> Run:
    """Let a failed or cancelled run go on from what was not done, in a new round, with the runs below it.

    A run that was retried already and is running again is returned as it is.

    Raises: RunNotFound. RunNotFailed: it succeeded, or was never retried and is live. RunHasParent: retry the run
        at the top of its tree. RunCompensating: a run below it still undoes what it did.
        TurnNotLatest: its actor has gone on since.
    """
    run = get_run(run_id)
    if run.parent_step_id is not None:
        raise RunHasParent(
            f"run {run.pk} was started by a step of another run; retry run {run.root_id}, or send back that step's "
            "ticket if it is held"
        )
    if run.status in LIVE_RUN and run.round > 1:
        return run
    cancel_orphans(run.root_id)  # the rest of a cancel that broke off
    timeouts = _read_timeouts(run.root_id)
    event = canonical({"by": _name(by), "reason": _words(reason), "round": run.round + 1})

    def act() -> Renewed:
        with transaction.atomic():
            require_latest_turn(run)
            renewed = renew_tree(run.pk, timeouts, event_json=event)
            restore_doers(find_first_doers(renewed.fallen))
            dispatch_after_commit(renewed.available)
        return renewed

    try:
        _firmly(act)
    except RunNotFailed:
        found = get_run(run.pk)
        if found.round > run.round:
            return found  # somebody else's order came first, and says the same
        raise
    _release_marked(run.root_id)
    return get_run(run.pk)


def _read_timeouts(root_id: UUID) -> dict[int, float | None]:
    versions = Workflow.objects.filter(runs__root_id=root_id).distinct()
    return {version.pk: load_plan(version.pk, version.digest)[0].timeout_seconds for version in versions}


def _release_marked(root_id: UUID) -> None:
    """Release what ended while runs of a tree were paused, and close those in which nothing is open."""
    for step_id in find_unreleased(0.0, _BATCH, root_id):
        released = release_step(step_id, get_signer())
        dispatch([item.step_id for item in released if not item.rung])


def _require_live(run: Run, status: str, what: str, *, compensating: bool = False) -> None:
    if status not in LIVE_RUN:
        raise RunFinal(f"run {run.pk} is {status}; there is {what}")
    if status == RunStatus.COMPENSATING and not compensating:
        raise RunCompensating(f"run {run.pk} undoes what it did; wait for its end, or cancel it")


def _firmly(act: Callable[[], _T]) -> _T:
    """Do something, again when PostgreSQL chose its transaction to end a deadlock; inside another one only once."""
    tries = 0
    while True:
        try:
            return act()
        except OperationalError as error:
            tries += 1
            is_deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
            if not is_deadlock or connection.in_atomic_block or tries == _DEADLOCK_TRIES:
                raise
            log.warning("deadlock", error=str(error), next="it is tried again")


def _describe_order(reason: str, by: AbstractBaseUser | None) -> str:
    return canonical({"by": _name(by), "reason": _words(reason)})


def _name(by: AbstractBaseUser | None) -> str | None:
    return None if by is None else by.get_username()


def _words(reason: str) -> str:
    return make_storable(reason).strip()[:2000]


def _say(what: str, by: AbstractBaseUser | None) -> str:
    return what if by is None else f"{what} by {by.get_username()}"
