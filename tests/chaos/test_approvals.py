"""kill -9 between a person's decision of calls and what follows: nothing is lost, nothing paid twice or unseen."""

import json
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User

from escalation.escrow import claim_ticket, resolve_by_rule, resolve_ticket
from escalation.models import Ticket
from orchestration import WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run, Step
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES

_KEYS = ("approve", "edit", "deny", "expire", "changed")
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 100})
_SPEC = WorkflowSpec(
    name="crash-approvals",
    steps=tuple(replace(step(key, agent="crash.approved"), safe_default={"paid": 0}) for key in _KEYS),
)


def _find_ticket(run: Run, key: str) -> Ticket:
    return Ticket.objects.get(run=run, step__key=key, status="open")


def _decide(run: Run, key: str, kind: ResolutionKind, **what: Any) -> None:
    """Decide in a process that dies once that is committed: nobody is told of it."""
    person, _ = User.objects.get_or_create(username="anna", is_superuser=True)
    ticket = claim_ticket(_find_ticket(run, key).pk, person)
    with mute_dispatch():
        resolve_ticket(ticket.pk, person, kind, claim_number=ticket.claim_number, seen_digest=None, **what)


def _wait_held(arena: Arena, run: Run, *keys: str) -> None:
    for key in keys:
        arena.wait_status(run, key, "held")


def test_what_people_decided_of_calls_survives_every_death_and_is_used_once(arena: Arena) -> None:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    arena.arm("wait_opened", "approval")  # one dies before it has asked
    run = arena.start(_SPEC)
    _wait_held(arena, run, *_KEYS)
    for point, key in (
        *(("after_claim", key) for key in ("approve", "edit", "deny")),
        ("call_begun", "pay-approve"),
        ("call_ended", "pay-edit"),
    ):
        arena.arm(point, key)
    arena.open_gate("changed")

    _decide(run, "approve", ResolutionKind.APPROVE)
    seen = _find_ticket(run, "edit").seen
    edited = seen | {"calls": [seen["calls"][0] | {"arguments": {"euro": 3}}]}
    _decide(run, "edit", ResolutionKind.EDIT, output=edited)
    _decide(run, "deny", ResolutionKind.SEND_BACK, feedback="too much")
    _decide(run, "changed", ResolutionKind.APPROVE)
    with mute_dispatch():
        resolve_by_rule(_find_ticket(run, "expire").pk, ResolutionKind.DEFAULT)
    for key in ("approve", "edit", "deny", "expire"):
        arena.wait_status(run, key, "succeeded")
    arena.wait_until(
        lambda: Ticket.objects.filter(run=run, step__key="changed").count() == 2, "its new ticket"
    )

    assert len(arena.journal.lines("killed")) == 6
    outputs = {step.key: step.output for step in Step.objects.filter(run=run, status="succeeded")}
    assert outputs == {
        "approve": {"paid": 5},
        "edit": {"paid": 3},
        "deny": {"refused": "too much"},
        "expire": {"paid": 0},
    }
    # What nobody has seen is not paid: the approval was of other arguments.
    assert _find_ticket(run, "changed").rule == "journal_diverged"
    _decide(run, "changed", ResolutionKind.SEND_BACK, feedback="ask anew")
    arena.wait_until(lambda: Ticket.objects.filter(run=run, step__key="changed").count() == 3, "its question")
    assert _find_ticket(run, "changed").seen["calls"][0]["arguments"] == {"euro": 6}
    _decide(run, "changed", ResolutionKind.APPROVE)
    arena.wait_done(run)

    paid = {line.key: line.euro for line in arena.journal.lines("approved_paid", run=str(run.pk))}
    assert paid == {"approve": 5, "edit": 3, "changed": 6}
    assert len(arena.journal.lines("approved_paid", run=str(run.pk))) == len(paid)
    assert Ticket.objects.filter(run=run).count() == len(_KEYS) + 2
    assert runs.verify(run.pk).fault is None
