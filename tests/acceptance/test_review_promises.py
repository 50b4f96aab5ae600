"""What is promised to people who decide, sentence by sentence, over HTTP and with real processes.

Read this as the specification: each test quotes its sentence. Each use case by itself is tested in
tests/integration/escalation.
"""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from escalation.domain.draft import Draft
from escalation.escrow import save_draft
from escalation.models import Breach, Ticket, read_clock
from orchestration import WorkflowSpec
from orchestration.domain.rights import Scope
from tests.chaos.arena import Arena
from tests.chaos.specs import step
from tests.chaos.visitor import Answer, Visitor, make_key
from tests.conftest import start_web
from tests.integration.escalation.desk import expire_claim
from tests.processes import SHORT_TIMES, Child

UNSURE = WorkflowSpec(name="unsure", steps=(step("unsure", agent="crash.unsure"), step("tail", ["unsure"])))
HURRIED = WorkflowSpec(name="hurried", sla="at-once", steps=(step("unsure", agent="crash.unsure"),))
TIMES = {**SHORT_TIMES, "SLA_SECONDS": {"at-once": (0.3, 0.6)}}


@dataclass
class Desk:
    """A desk that is open: its processes, and two who work at it."""

    arena: Arena
    address: str
    web: Child
    rita: Visitor
    rolf: Visitor

    def hold(self, spec: WorkflowSpec = UNSURE) -> Ticket:
        """Return the ticket of a run that waits for a person."""
        held = self.arena.wait_status(self.arena.start(spec), "unsure", "held")
        return Ticket.objects.get(step=held)

    def claim(self, ticket: Ticket, who: Visitor | None = None) -> Answer:
        """Claim, and come again as long as the process is too busy to say."""
        while True:
            answer = (who or self.rita).ask("POST", f"/api/v1/tickets/{ticket.pk}/claim")
            if answer.status != 503:
                return answer

    def decide(self, ticket: Ticket, number: int, who: Visitor | None = None, **body: Any) -> Answer:
        decision = {
            "resolution": "approve",
            "claim_number": number,
            "seen_digest": ticket.seen_digest,
            **body,
        }
        return (who or self.rita).ask("POST", f"/api/v1/tickets/{ticket.pk}/resolve", decision)


@pytest.fixture(scope="module")
def desk(arena: Arena) -> Desk:
    """Open a desk: a worker, a maintainer and a web process, each a process of its own."""
    arena.env["RINGMASTER_OVERRIDES"] = json.dumps(TIMES)
    arena.worker()
    arena.maintainer()
    return _open_web(arena, _visit("rita"), _visit("rolf"))


def _open_web(arena: Arena, rita: str, rolf: str) -> Desk:
    address = start_web(arena.starter, **arena.env)
    web = arena.starter.children[-1]
    return Desk(arena, address, web, Visitor(address, rita), Visitor(address, rolf))


def _visit(name: str) -> str:
    return make_key(name, "reviewer", Scope.READ, Scope.REVIEW)


def test_of_fifty_people_on_one_ticket_one_wins_and_the_others_are_told_who(desk: Desk) -> None:
    """50 people on one ticket: 1 winner, the others get 409 with the holder's name."""
    ticket = desk.hold()
    people = [Visitor(desk.address, _visit(f"person-{number}")) for number in range(50)]
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda one: desk.claim(ticket, one), people))

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 49}
    winner = next(answer.said["claimed_by"] for answer in answers if answer.status == 200)
    assert {answer.said["holder"] for answer in answers if answer.status == 409} == {winner}
    assert Ticket.objects.get(pk=ticket.pk).claim_number == 1


def test_an_expired_claim_is_free_again_and_decides_nothing_under_its_old_number(desk: Desk) -> None:
    """Claim is one conditional UPDATE with a claim number; an expired claim is free again. A resolution carries
    the claim number ...; stale -> 409, the draft is kept."""
    ticket = desk.hold()
    first = desk.claim(ticket).said["claim_number"]
    rita = Ticket.objects.get(pk=ticket.pk).claimed_by
    assert rita is not None
    save_draft(ticket.pk, rita, Draft(note="almost"), claim_number=first)
    expire_claim(ticket)

    second = desk.claim(ticket, desk.rolf)
    stale = desk.decide(ticket, first)

    assert (second.status, second.said["claim_number"]) == (200, first + 1)
    assert (stale.status, stale.said["code"]) == (409, "resolution_stale")
    row = Ticket.objects.get(pk=ticket.pk)
    assert (row.status, Draft.from_json(row.draft_json).note) == ("open", "almost")


def test_a_decision_about_something_else_than_what_was_seen_is_refused_and_the_draft_kept(desk: Desk) -> None:
    """A resolution carries ... the hash of what was seen; stale -> 409, the draft is kept."""
    ticket = desk.hold()
    number = desk.claim(ticket).said["claim_number"]
    rita = Ticket.objects.get(pk=ticket.pk).claimed_by
    assert rita is not None
    save_draft(ticket.pk, rita, Draft(note="almost"), claim_number=number)

    stale = desk.decide(ticket, number, seen_digest="0" * 64)

    assert (stale.status, stale.said["code"]) == (409, "resolution_stale")
    row = Ticket.objects.get(pk=ticket.pk)
    assert (row.status, Draft.from_json(row.draft_json).note) == ("open", "almost")


def test_a_double_click_and_an_identical_retry_get_the_same_answer(desk: Desk) -> None:
    """A double click or an identical retry gets the same answer."""
    ticket = desk.hold()
    number = desk.claim(ticket).said["claim_number"]
    with ThreadPoolExecutor(2) as threads:
        clicks = list(threads.map(lambda _: desk.decide(ticket, number), range(2)))
    retry = desk.decide(ticket, number)
    another = desk.decide(ticket, number, resolution="abort")
    desk.arena.wait_done(ticket.run)

    assert [answer.status for answer in (*clicks, retry)] == [200, 200, 200]
    assert {answer.said["resolved_at"] for answer in (*clicks, retry)} == {retry.said["resolved_at"]}
    assert (another.status, another.said["code"]) == (409, "ticket_resolved")
    assert desk.arena.count_events("step_resolved", ticket.run) == 1
    assert desk.arena.find_faults([ticket.run]) == []


def test_resolution_close_and_release_are_one_transaction_whoever_is_killed(desk: Desk) -> None:
    """Resolution, ticket close and the step's release are one transaction."""
    ticket = desk.hold()
    number = desk.claim(ticket).said["claim_number"]
    answers: list[object] = []

    def decide() -> None:
        try:
            answers.append(desk.decide(ticket, number))
        except OSError as error:
            answers.append(error)

    # given: the web process has locked the run and the step and waits for the ticket, which we hold; then it dies
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=ticket.pk)
        click = threading.Thread(target=decide)
        click.start()
        desk.arena.wait_until(_somebody_waits, "the decision to wait for the ticket")
        desk.web.kill()
    click.join(timeout=30)
    reopened = _open_web(desk.arena, desk.rita.key, desk.rolf.key)

    assert isinstance(answers[0], OSError)
    row = Ticket.objects.get(pk=ticket.pk)
    assert (row.status, row.step.status) == ("open", "held")
    number = reopened.claim(ticket).said["claim_number"]
    assert reopened.decide(ticket, number).status == 200
    desk.arena.wait_done(ticket.run)
    assert desk.arena.count_events("step_resolved", ticket.run) == 1
    assert desk.arena.find_faults([ticket.run]) == []


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone() != (0,))


def test_a_missed_deadline_is_one_row_with_its_true_time_however_late_it_is_found(desk: Desk) -> None:
    """A breach is one row by a unique constraint; breached iff resolved_at > due_at; found late -> true due_at,
    flagged. All clocks are PostgreSQL's."""
    maintainer = next(child for child in desk.arena.starter.children if child.name == "maintain")
    maintainer.suspend()
    ticket = desk.hold(HURRIED)
    late = ticket.due_at + timedelta(seconds=1)
    desk.arena.wait_until(lambda: read_clock() > late, "a second after the due time")
    assert not Breach.objects.filter(ticket=ticket).exists()
    maintainer.resume()
    breaches = Breach.objects.filter(ticket=ticket)
    desk.arena.wait_until(lambda: breaches.count() == 2, "both breaches")

    found = {breach.deadline: breach for breach in breaches}
    assert {kind: one.due_at for kind, one in found.items()} == {
        "first_touch": ticket.first_touch_due_at,
        "resolution": ticket.due_at,
    }
    assert all(breach.found_after > timedelta(seconds=1) for breach in found.values())
