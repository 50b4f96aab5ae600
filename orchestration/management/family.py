"""A run's relations and its steps' pasts, in words and as JSON: the run above it, those below, forks, past outputs."""

import json
from collections.abc import Iterator
from typing import Any

from orchestration.management.terminal import show_time
from orchestration.models import PastOutput, Run
from orchestration.selectors.account import Account


def describe_family(run: Run, account: Account) -> dict[str, Any]:
    """Return a run's relations as JSON values."""
    above = run.parent_step
    return {
        "root": str(run.root_id),
        "parent": None if above is None else {"run": str(above.run_id), "step": above.key},
        "children": [
            {
                "run": str(child.pk),
                "workflow": child.workflow_name,
                "status": child.status,
                "round": child.round,
                "step": account.keys.get(child.parent_step_id or 0),
            }
            for child in account.children
        ],
        "forked_from": None if run.forked_from_id is None else str(run.forked_from_id),
        "forked_from_step": run.forked_from_step or None,
        "forks": [str(fork.pk) for fork in account.forks],
    }


def tell_family(run: Run, account: Account) -> Iterator[str]:
    """Yield a run's relations as lines; none for a run that stands alone."""
    if run.parent_step is not None:
        yield f"started by step {run.parent_step.key} of run {run.parent_step.run_id}"
    if run.forked_from_id is not None:
        yield f"forked from run {run.forked_from_id}, from step {run.forked_from_step}"
    for fork in account.forks:
        yield f"its fork from step {fork.forked_from_step}: run {fork.pk}, {fork.status}"


def child_rows(account: Account) -> list[tuple[str, ...]]:
    """Return the runs that a run's steps started, as rows of a table."""
    return [
        (
            account.keys.get(child.parent_step_id or 0, "-"),
            str(child.pk),
            child.workflow_name,
            child.status,
            str(child.round),
        )
        for child in account.children
    ]


def past_rows(account: Account) -> list[tuple[str, ...]]:
    """Return what steps had put out before they were sent back, as rows of a table."""
    return [
        (
            step.key,
            str(past.round),
            str(past.revision),
            past.status,
            show_time(past.superseded_at),
            past.output_digest[:12],
        )
        for step in account.steps
        for past in account.past_outputs.get(step.pk, ())
    ]


def describe_past(past: PastOutput) -> dict[str, Any]:
    """Return one past output as JSON values."""
    return {
        "round": past.round,
        "revision": past.revision,
        "status": past.status,
        "output": json.loads(past.output_json),
        "output_digest": past.output_digest,
        "receipt_digest": past.receipt_digest,
        "finished_at": past.finished_at.isoformat(),
        "superseded_at": past.superseded_at.isoformat(),
    }
