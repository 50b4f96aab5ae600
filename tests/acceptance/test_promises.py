"""The promise, sentence by sentence, held by real workers, a real broker and a real database.

Read this as the specification: each test quotes its sentence. The named crash points, crashing servers, mutants
and the rest of the evidence are in tests/chaos; how the judge judges is in tests/chaos/judge.py.
"""

import json
import random
from functools import partial

import pytest
from django.contrib.auth import get_user_model

from escalation import escrow
from escalation.errors import TicketResolved
from escalation.models import Breach, Ticket
from orchestration import WorkflowSpec
from orchestration.domain.states import ResolutionKind
from orchestration.models import Attempt, Receipt
from tests.chaos.arena import Arena
from tests.chaos.judge import describe_outcome
from tests.chaos.messages import forge, lose_all
from tests.chaos.scenarios import suspend_beyond_the_lease
from tests.chaos.specs import ring_spec, step
from tests.processes import SHORT_TIMES

RING = ring_spec("ring", seconds=0.15, effect=True)
UNSURE = WorkflowSpec(name="unsure", sla="at-once", steps=(step("unsure", agent="crash.unsure"),))
NO_TIME = {**SHORT_TIMES, "SLA_SECONDS": {"at-once": (0.05, 0.1)}}


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    """One worker of each kind, which come back when they are killed, and a maintainer."""
    arena.env["RINGMASTER_OVERRIDES"] = json.dumps(NO_TIME)
    arena.worker()
    arena.isolated_worker()
    arena.maintainer()
    return arena


def test_an_acknowledged_run_is_in_postgresql_and_reaches_a_final_state_when_a_worker_comes_back(
    workers: Arena,
) -> None:
    """Once the API has answered 2xx, the run is in PostgreSQL and will reach a final state, as long as
    PostgreSQL's committed data survives and a worker comes back."""
    acknowledged = workers.start_by_client(RING, 3)
    assert len(acknowledged) == 3
    for run in acknowledged:
        workers.wait_started(run, "a1")
    for one in workers.supervised:
        one.child.kill()

    workers.wait_done(*acknowledged)

    assert workers.find_faults(acknowledged, most_starts=2) == []


def test_a_step_s_result_is_recorded_once(workers: Arena) -> None:
    """A step's result is recorded once."""
    run = workers.start(RING)
    workers.wait_done(run)

    keys = list(run.steps.values_list("key", flat=True))
    assert sorted(line.key for line in workers.journal.lines("committed", run=str(run.pk))) == sorted(keys)
    assert Receipt.objects.filter(run=run).count() == len(keys)
    assert workers.count_events("step_succeeded", run) == len(keys)
    assert workers.find_faults([run]) == []


def test_a_completed_step_is_never_run_again(workers: Arena) -> None:
    """A completed step is never run again."""
    run = workers.start(RING)
    workers.wait_done(run)
    before = describe_outcome(run)

    ids = list(run.steps.values_list("pk", flat=True))
    known = len(workers.journal.lines("answered"))
    for step_id in ids:
        forge(step_id)
    workers.wait_until(lambda: len(workers.journal.lines("answered")) >= known + len(ids), "all answers")

    words = {line.word for line in workers.journal.lines("answered")[known:] if line.step in ids}
    assert words == {"stale"}
    assert describe_outcome(run) == before
    assert workers.find_faults([run], most_starts=1) == []


def test_a_step_that_was_running_when_its_worker_died_may_run_again_under_a_new_token(workers: Arena) -> None:
    """A step that was running when its worker died may run again under a new token ..."""
    workers.arm("in_body", "a2")
    run = workers.start(RING)
    workers.wait_done(run)

    tokens = [line.token for line in workers.journal.lines("start", run=str(run.pk), key="a2")]
    assert len(tokens) == len(set(tokens)) == 2
    recorded = Attempt.objects.filter(step__run=run, step__key="a2").order_by("number")
    assert [(str(attempt.token), attempt.outcome) for attempt in recorded] == [
        (tokens[0], "crashed"),
        (tokens[1], "answered"),
    ]
    assert workers.find_faults([run], most_starts=2) == []


def test_an_external_effect_happens_once_per_token_and_once_per_step_by_its_key(workers: Arena) -> None:
    """An external effect happens at most once per token where the target checks tokens, and once per step
    where it honours our idempotency key."""
    workers.arm("after_effect", "a3")
    run = workers.start(RING)
    workers.wait_done(run)

    by_token = workers.journal.lines("effect", run=str(run.pk), key="a3")
    by_key = workers.journal.lines("keyed_effect", run=str(run.pk), key="a3")
    assert [line.applied for line in by_token] == [True, True]
    assert len({line.token for line in by_token}) == 2
    assert [line.applied for line in by_key] == [True, False]
    assert len({line.idempotency_key for line in by_key}) == 1
    assert workers.find_faults([run], most_starts=2) == []


def test_the_broker_may_lose_every_message(workers: Arena) -> None:
    """The broker may lose ... every message without losing or doubling recorded work."""
    workers.supervised[0].child.kill()  # or it would be quicker than the loss
    runs = workers.start_many(RING, 3)
    assert lose_all() == 3
    workers.wait_done(*runs)

    assert workers.find_faults(runs) == []


def test_the_broker_may_repeat_and_reorder_every_message(workers: Arena) -> None:
    """The broker may ... repeat, reorder ... every message without losing or doubling recorded work."""
    plain = workers.start(RING)
    workers.wait_done(plain)
    run = workers.start(RING)
    ids = list(run.steps.values_list("pk", flat=True))
    repeated = ids * 3
    random.Random(1).shuffle(repeated)
    for step_id in repeated:
        forge(step_id)
    workers.wait_done(run)
    answers = len(repeated) + len(ids)
    workers.wait_until(lambda: _count_answers(workers, ids) >= answers, "an answer to every message")

    assert workers.find_faults([run]) == []
    assert describe_outcome(run) == describe_outcome(plain)


def test_the_broker_may_forge_every_message(workers: Arena) -> None:
    """The broker may ... forge every message without losing or doubling recorded work."""
    workers.supervised[0].child.kill()  # so that no true message is quicker than the forged ones
    run = workers.start(RING)
    assert lose_all() == 1
    ids = dict(run.steps.values_list("key", "pk"))
    forge(ids["a1"], chain_to="somewhere")  # its turn, but it leads nowhere
    forge(ids["a1"], chain_to=ids["tail2"])  # not that successor's turn
    forge(ids["join"])  # not its turn
    forge(ids["a2"], chain_to=ids["a3"], queue="isolated")  # the right step on the wrong queue
    forge(2**40)  # nobody's
    forge("../../etc/passwd")  # nothing's
    workers.wait_done(run)

    assert workers.find_faults([run]) == []


def test_one_resolution_counts_per_ticket_and_one_breach_record_per_deadline(workers: Arena) -> None:
    """One resolution counts per ticket; one breach record per deadline."""
    first, second = (get_user_model().objects.create_user(name) for name in ("first", "second"))
    run = workers.start(UNSURE)
    held = workers.wait_status(run, "unsure", "held")
    ticket = Ticket.objects.get(step=held)
    breaches = Breach.objects.filter(ticket=ticket)
    workers.wait_until(lambda: breaches.count() == 2, "both breaches")

    claimed = escrow.claim_ticket(ticket.pk, first)
    resolve = partial(
        escrow.resolve_ticket, claim_number=claimed.claim_number, seen_digest=ticket.seen_digest
    )
    resolve(ticket.pk, first, ResolutionKind.APPROVE)
    resolve(ticket.pk, first, ResolutionKind.APPROVE)  # a double click
    with pytest.raises(TicketResolved):
        resolve(ticket.pk, second, ResolutionKind.ABORT)
    workers.wait_done(run)

    assert workers.count_events("step_resolved", run) == 1
    assert workers.find_faults([run]) == []
    assert sorted(breaches.values_list("deadline", flat=True)) == ["first_touch", "resolution"]


def test_work_under_an_old_token_cannot_change_the_run(workers: Arena) -> None:
    """... work under an old token cannot change the run."""
    # The frozen worker must be the one that gets the step. This is the module's last test.
    for one in workers.supervised:
        one.child.stop()
    workers.supervised.clear()

    run = suspend_beyond_the_lease(workers)

    assert workers.count_events("late_write_refused", run) == 1
    assert workers.find_faults([run], most_starts=2) == []


def _count_answers(arena: Arena, step_ids: list[int]) -> int:
    return sum(line.step in step_ids for line in arena.journal.lines("answered"))
