"""Named places in the engine where the process kills itself, once, when a test has armed them.

A point is armed by a file `armed/<point>@<step key>`; whoever removes the file dies. All wrappers stay in place
and do nothing while no file is there.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any
from uuid import UUID

from celery.backends.redis import RedisBackend
from django.db import transaction

from orchestration import executor
from orchestration.domain.budget import Short
from orchestration.domain.signing import Signer
from orchestration.domain.work import AttemptEnd, Claim, FinalOutput, Finished, Released, RunOn
from orchestration.models import Call, Step
from tests.chaos.crashapp.journal import folder, note

_perform: Any = import_module("orchestration.executor.pipeline")
_conclude: Any = import_module("orchestration.executor.conclusion")
_prepare: Any = import_module("orchestration.executor.prepare")
_together: Any = import_module("orchestration.executor.together")
_suspending: Any = import_module("orchestration.executor.suspending")
_journal: Any = import_module("orchestration.executor.journal")
_recalling: Any = import_module("orchestration.executor.recalling")
_awaiting: Any = import_module("orchestration.executor.awaiting")
_release: Any = import_module("orchestration.transitions.release")
_dispatch: Any = import_module("orchestration.dispatch")

CLIENT_VARIABLE = "CRASHAPP_CLIENT"
"""Set for a process that only carries out somebody's order: nobody else comes to `after_order`."""


def name_file(point: str, key: str) -> str:
    """Return the name of the file that arms a point in a step."""
    return f"{point}@{key.replace('/', ':')}"


def is_armed(point: str, key: str | None = None) -> bool:
    """Return whether a point is armed in a step, or in any."""
    armed = folder() / "armed"
    return any(armed.glob(f"{point}@*")) if key is None else (armed / name_file(point, key)).exists()


def hit(point: str, key: str) -> None:
    """Die here, if a test wants a process to die here in this step."""
    try:
        (folder() / "armed" / name_file(point, key)).unlink()
    except FileNotFoundError:
        return
    note("killed", point=point, key=key)
    os.kill(os.getpid(), signal.SIGKILL)


def install() -> None:
    """Wrap the engine's stages, as the executor's modules see them."""
    _perform.claim_together = _claiming(_perform.claim_together)
    _conclude.finish_together = _finishing(_conclude.finish_together)
    _together._FINISHES._act = _finishing_together(_together._FINISHES)
    _perform.release_together = _releasing(_perform.release_together)
    _perform.dispatch = _dispatching(_perform.dispatch)
    _conclude.expand_step = _growing(_conclude.expand_step)
    _conclude.start_child = _growing(_conclude.start_child)
    _prepare.collect = _collecting(_prepare.collect)
    _journal.begin_call = _beginning_call(_journal.begin_call)
    _journal.end_call = _ending_call(_journal.end_call)
    _awaiting.open_wait = _opening_wait(_awaiting.open_wait)
    _recalling.record_recalled = _recording_recalled(_recalling.record_recalled)
    _suspending.suspend_step = _suspending_step(_suspending.suspend_step)
    _release.tell_parent = _telling(_release.tell_parent)
    if CLIENT_VARIABLE in os.environ:
        _dispatch.dispatch = _following_orders(_dispatch.dispatch)
    executor.perform = _returning(executor.perform)
    # Called when all headers of a chord were counted, by the one process that is going to publish its body.
    RedisBackend._chord_publish_claim_expires = _publishing_body(RedisBackend._chord_publish_claim_expires)


def _claiming(original: Callable[..., Claim | None]) -> Callable[..., Claim | None]:
    def claim_together(step_id: int, **parameters: Any) -> Claim | None:
        claim = original(step_id, **parameters)
        if claim is not None:
            hit("after_claim", claim.key)
        return claim

    return claim_together


def _finishing(original: Callable[..., Finished]) -> Callable[..., Finished]:
    def finish_together(
        claim: Claim, end: AttemptEnd, final: FinalOutput, run_on: RunOn | None = None
    ) -> Finished:
        # The engine's statement commits by itself; a transaction around it gives it a before and an after.
        with transaction.atomic() if is_armed("before_commit", claim.key) else nullcontext():
            finished = original(claim, end, final, run_on)
            hit("before_commit", claim.key)
        note("committed", run=str(claim.run.run_id), key=claim.key, token=str(claim.token))
        hit("after_commit", claim.key)
        if finished.next_claim is not None:
            hit("running_on", finished.next_claim.key)
        return finished

    return finish_together


def _finishing_together(gathering: Any) -> Callable[[list[str]], Any]:
    """Die with several steps written by one statement, before their common commit or right after."""
    original, patience_seconds = gathering._act, 1.0

    def act(lines: list[str]) -> Any:
        is_awaited = is_armed("before_group_commit") or is_armed("after_group_commit")
        if len(lines) == 1:
            give_up_at = time.monotonic() + (patience_seconds if is_awaited else 0)
            while len(gathering._waiting) < 2 and time.monotonic() < give_up_at:
                time.sleep(0.001)
            return original(lines)
        with transaction.atomic() if is_armed("before_group_commit") else nullcontext():
            written = original(lines)
            hit("before_group_commit", "*")
        hit("after_group_commit", "*")
        return written

    return act


def _releasing(original: Callable[..., list[Released]]) -> Callable[..., list[Released]]:
    def release_together(step_id: int, signer: Signer) -> list[Released]:
        _hit_any("before_release", [step_id])
        return original(step_id, signer)

    return release_together


def _dispatching(original: Callable[[list[int]], int]) -> Callable[[list[int]], int]:
    def dispatch(step_ids: list[int]) -> int:
        _hit_any("before_publish", step_ids)
        note("dispatched", steps=step_ids)
        return original(step_ids)

    return dispatch


def _growing(original: Callable[..., list[int]]) -> Callable[..., list[int]]:
    """Die with the children written but not committed, or committed but not dispatched."""

    def grow(claim: Claim, *rest: Any) -> list[int]:
        with transaction.atomic() if is_armed("before_growth", claim.key) else nullcontext():
            available = original(claim, *rest)
            hit("before_growth", claim.key)
        hit("after_growth", claim.key)
        return available

    return grow


def _collecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def collect(claim: Claim, *rest: Any) -> Any:
        collected = original(claim, *rest)
        hit("collecting", claim.key)
        return collected

    return collect


def _beginning_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """Die with a call written as begun, before it is made."""

    def begin_call(claim: Claim, journal: int, wish: Any, *rest: Any) -> Any:
        found = original(claim, journal, wish, *rest)
        # A call that does not fit into a budget was not written.
        if not isinstance(found.reserved, Short):
            hit("call_begun", wish.name)
            hit("call_begun", wish.path)
        return found

    return begin_call


def _opening_wait(original: Callable[..., Any]) -> Callable[..., Any]:
    """Die with a wait written as open, before the attempt ends with it."""

    def open_wait(claim: Claim, journal: int, wish: Any, *rest: Any) -> Any:
        found = original(claim, journal, wish, *rest)
        hit("wait_opened", wish.name)
        return found

    return open_wait


def _recording_recalled(original: Callable[..., None]) -> Callable[..., None]:
    """Die with the memories of a step looked up and told, before its agent was handed them."""

    def record_recalled(claim: Claim, lines: Any) -> None:
        original(claim, lines)
        hit("recalled", claim.key)

    return record_recalled


def _suspending_step(original: Callable[..., None]) -> Callable[..., None]:
    """Die with a step written as waiting, before anybody looked whether its answer came meanwhile."""

    def suspend_step(claim: Claim, end: AttemptEnd, known: Any, waits: Any) -> None:
        original(claim, end, known, waits)
        hit("suspended", claim.key)

    return suspend_step


def _ending_call(original: Callable[..., None]) -> Callable[..., None]:
    """Die with a call made and paid, but not written as answered; or right after that."""

    def end_call(claim: Claim, call_id: int, **said: Any) -> None:
        named: tuple[str, ...] = ()
        if is_armed_for_calls():
            named = Call.objects.values_list("name", "path").get(pk=call_id)
        for word in named:
            hit("call_paid", word)
        original(claim, call_id, **said)
        for word in named:
            hit("call_ended", word)

    return end_call


def is_armed_for_calls() -> bool:
    """Return whether somebody is to die at the end of a call."""
    return is_armed("call_paid") or is_armed("call_ended")


def _telling(original: Callable[[UUID], list[Released]]) -> Callable[[UUID], list[Released]]:
    """Die between a child run's close and telling the step that waits for it, or right after."""

    def tell_parent(run_id: UUID) -> list[Released]:
        key = _parent_key(run_id) if is_armed("before_told") or is_armed("after_told") else ""
        hit("before_told", key)
        told = original(run_id)
        hit("after_told", key)
        return told

    return tell_parent


def _parent_key(run_id: UUID) -> str:
    return Step.objects.filter(child_runs=run_id).values_list("key", flat=True).first() or ""


def _following_orders(original: Callable[..., int]) -> Callable[..., int]:
    """Die with an order committed, but before anything that follows from it is dispatched."""

    def dispatch(step_ids: list[int], **options: Any) -> int:
        hit("after_order", "*")
        return original(step_ids, **options)

    return dispatch


def _returning(original: Callable[..., str]) -> Callable[..., str]:
    def perform(step_id: int, *rest: Any) -> str:
        word = original(step_id, *rest)
        note("answered", step=step_id, word=word)
        # The task is done; Celery has not published the next chain link, nor counted the chord's part.
        _hit_any("before_continuation", [step_id])
        return word

    return perform


def _publishing_body(original: Callable[..., int]) -> Callable[..., int]:
    def _chord_publish_claim_expires(backend: RedisBackend, claim_expires: int, callback: Any) -> int:
        key = str(callback.options["shadow"]).partition("/")[2]
        note("body", key=key, task_id=callback.options["task_id"])
        hit("before_body", key)
        return original(backend, claim_expires, callback)

    return _chord_publish_claim_expires


def _hit_any(point: str, step_ids: list[int]) -> None:
    if is_armed(point):
        for key in Step.objects.filter(pk__in=step_ids).values_list("key", flat=True):
            hit(point, key)
