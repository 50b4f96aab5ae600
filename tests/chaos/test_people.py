"""One of eight parallel steps waits for a person, who decides while the others still run."""

from django.contrib.auth import get_user_model

from escalation import escrow
from escalation.models import Ticket
from orchestration import WorkflowSpec
from orchestration.domain.states import ResolutionKind
from tests.chaos.arena import Arena
from tests.chaos.judge import count_starts
from tests.chaos.specs import step

OTHERS = [f"p{n}" for n in range(1, 8)]
EIGHT = WorkflowSpec(
    name="eight",
    steps=(
        step("plan"),
        *(step(key, ["plan"], gate="others") for key in OTHERS),
        step("unsure", ["plan"], agent="crash.unsure"),
        step("join", [*OTHERS, "unsure"]),
    ),
)


def test_one_of_eight_is_held_and_resolved_while_the_others_run(arena: Arena) -> None:
    arena.worker(concurrency=16)
    arena.maintainer()
    person = get_user_model().objects.create_user("reviewer")
    run = arena.start(EIGHT)
    held = arena.wait_status(run, "unsure", "held")
    for key in OTHERS:
        arena.wait_started(run, key)

    ticket = Ticket.objects.get(step=held)
    claimed = escrow.claim_ticket(ticket.pk, person)
    escrow.resolve_ticket(
        ticket.pk,
        person,
        ResolutionKind.APPROVE,
        claim_number=claimed.claim_number,
        seen_digest=ticket.seen_digest,
    )

    assert set(run.steps.filter(status="running").values_list("key", flat=True)) == set(OTHERS)
    assert run.steps.get(key="unsure").status == "succeeded"
    arena.open_gate("others")
    arena.wait_done(run)
    assert arena.find_faults([run]) == []
    assert count_starts(arena.journal, run)["join"] == 1
