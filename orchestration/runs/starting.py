"""Starting a run, and waiting for its end."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet

from orchestration.dispatch import dispatch_after_commit
from orchestration.domain.budget import Budget, read_budget
from orchestration.domain.receipts import digest_text
from orchestration.domain.rows import CHILD_RUN, TURN
from orchestration.domain.states import LIVE_RUN
from orchestration.errors import (
    IdempotencyConflict,
    InputInvalid,
    RunNotFound,
    WaitTimedOut,
)
from orchestration.models import Run, Workflow
from orchestration.planning import check_input, describe_new_run, find_latest, load_plan, write_input
from orchestration.transitions.start import insert_run

_SHOWN = Run.objects.select_related("workflow", "project", "requested_by")
"""A run as whoever started it wants to show it."""

_POLL_SECONDS = (0.02, 0.05, 0.1, 0.25)


def start(
    workflow: str,
    input: Any,  # noqa: A002 - the public name; any JSON object
    *,
    idempotency_key: str | None = None,
    requested_by: AbstractBaseUser | None = None,
    project: str = "default",
    priority: int = 0,
    budget: Budget | Mapping[str, Any] | None = None,
) -> Run:
    """Start a run of the latest version of a workflow; once this returns, the run is durable.

    Args:
        input: a JSON object that fits the workflow's input schema, at most MAX_INPUT_BYTES as canonical JSON.
        idempotency_key: the same key, input and budget return the same run, whatever its state and by whatever rules
            a new one would be refused today.
        priority: -100 to 100; where steps wait for a pool, those of runs with a higher one go first.
        budget: what it may use at most with all runs below it, as a `Budget` or its JSON form.
    Raises: WorkflowNotFound. InputInvalid: names the path. IdempotencyConflict: same key, other input or budget.
    """
    version = find_latest(workflow, project__slug=project)
    check_key(idempotency_key)
    read = read_budget(budget)
    limits = read.limits if read else {}
    known = _find_known(version, input, limits, idempotency_key)
    if known is not None:
        return known
    if not -100 <= priority <= 100:
        raise InputInvalid("priority: must be between -100 and 100")
    new = describe_new_run(
        version,
        input,
        idempotency_key=idempotency_key,
        requested_by_id=requested_by.pk if requested_by else None,
        priority=priority,
        budget=limits,
    )
    inserted = insert_run(new)
    if inserted is None:
        return _require_same(_of_key(version, idempotency_key).get(), new.input_digest, limits)
    run_id, available = inserted
    dispatch_after_commit(available)
    return _SHOWN.get(pk=run_id)


def check_start(
    workflow: str,
    input: Any,  # noqa: A002 - as `start` takes it
    *,
    idempotency_key: str | None = None,
    project: str = "default",
    budget: Budget | Mapping[str, Any] | None = None,
) -> Run | None:
    """Refuse what `start` would refuse, and start nothing.

    Returns: the run that this key and input have already, if any.
    Raises: WorkflowNotFound. InputInvalid. IdempotencyConflict.
    """
    version = find_latest(workflow, project__slug=project)
    check_key(idempotency_key)
    read = read_budget(budget)
    known = _find_known(version, input, read.limits if read else {}, idempotency_key)
    if known is None:
        spec, _ = load_plan(version.pk, version.digest)
        check_input(spec, input)
    return known


def get_run(run_id: UUID | str) -> Run:
    """Return a run by its id.

    Raises: RunNotFound: also when the text is no UUID.
    """
    try:
        return Run.objects.select_related("workflow").get(pk=run_id)
    except (Run.DoesNotExist, ValueError, ValidationError):
        raise RunNotFound(f"no run {run_id}; `manage.py list_runs` shows them") from None


def wait(run_id: UUID | str, *, timeout_seconds: float) -> Run:
    """Return the run once it is final. No connection is held between two looks.

    Raises: RunNotFound. WaitTimedOut: the run goes on; wait again or look at its tickets.
    """
    give_up_at = time.monotonic() + timeout_seconds
    run, tries = get_run(run_id), 0
    status = run.status
    while status in LIVE_RUN:
        pause = _POLL_SECONDS[min(tries, len(_POLL_SECONDS) - 1)]
        if time.monotonic() + pause > give_up_at:
            raise WaitTimedOut(f"run {run.pk} is still {status} after {timeout_seconds:g} s; it goes on")
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(pause)
        tries += 1
        # Its input may be a mebibyte; only the status is looked at again.
        status = Run.objects.values_list("status", flat=True).get(pk=run.pk)
    return get_run(run.pk) if tries else run


def check_key(key: str | None) -> None:
    """Refuse an idempotency key that no caller may use.

    Raises: InputInvalid.
    """
    if key is None:
        return
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise InputInvalid("idempotency_key: must be 1 to 200 printable characters")
    if key != key.strip():
        # A header loses them on its way: the same key would be another one there than in a body or a command.
        raise InputInvalid("idempotency_key: must not begin or end with a blank, which a header can't carry")
    for taken, whose in ((CHILD_RUN, "child runs"), (TURN, "turns of actors")):
        # Taken beforehand, it would keep a step, or a mailbox, waiting for a run that can't be started.
        if key.startswith(taken):
            raise InputInvalid(f"idempotency_key: must not begin with '{taken}', as those of {whose} do")


def _find_known(version: Workflow, value: Any, limits: Mapping[str, int], key: str | None) -> Run | None:
    """Return the run of a key, before its input is judged: what was accepted once is not refused by stricter rules.

    Raises: InputInvalid: the input can't be compared.  IdempotencyConflict.
    """
    if key is None:
        return None
    run = _of_key(version, key).first()
    return run and _require_same(run, digest_text(write_input(value)), limits)


def _of_key(version: Workflow, key: str | None) -> QuerySet[Run]:
    return _SHOWN.filter(
        project_id=version.project_id, workflow_name=version.name, idempotency_key=key
    ).order_by()


def _require_same(run: Run, digest: str, limits: Mapping[str, int]) -> Run:
    if run.input_digest != digest:
        raise _conflict(run, "input")
    # As they were given: somebody may have topped them up since.
    if dict(run.pots.filter(step=None).values_list("unit", "opened_with")) != limits:
        raise _conflict(run, "budget")
    return run


def _conflict(run: Run, what: str) -> IdempotencyConflict:
    return IdempotencyConflict(
        f"idempotency_key '{run.idempotency_key}' was used for run {run.pk} with another {what}; choose a new key"
    )
