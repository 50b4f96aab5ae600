"""kill -9 before each statement of a decision that waits, and of its effect: ticket and step agree, it goes on once."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from escalation.escrow import claim_ticket, resolve_ticket, take_back_resolution
from escalation.escrow.effect import carry_out_pending
from escalation.models import AuditLine, PendingResolution, ReviewQueue, Ticket
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import ResolutionKind
from orchestration.models import Receipt, Step
from tests.integration.escalation.desk import go_on, hold
from tests.integration.escalation.test_pending import let_time_pass

pytestmark = pytest.mark.django_db(transaction=True)
_MOST = 60


def survives(act: Callable[[], Any], place: int) -> bool:
    """Do something in a process that is killed before its statement of this number; tell if it got through."""
    connection.close()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sent = 0

            def kill(execute: Any, *call: Any) -> Any:
                nonlocal sent
                sent += 1
                if sent == place:
                    os.kill(os.getpid(), signal.SIGKILL)
                return execute(*call)

            with connection.execute_wrapper(kill), mute_dispatch():
                act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def _stands(ticket: Ticket) -> tuple[str, str, bool]:
    row = Ticket.objects.get(pk=ticket.pk)
    return row.status, Step.objects.get(pk=ticket.step_id).status, row.decided_at is not None


def _kill_everywhere(act: Callable[[], Any], ticket: Ticket, before: tuple[str, str, bool]) -> int:
    for place in range(1, _MOST):
        if survives(act, place):
            return place - 1
        assert _stands(ticket) == before, f"killed before statement {place}"
        assert PendingResolution.objects.exists() == before[2]
    raise AssertionError("it never got through")


def test_killed_anywhere_it_is_decided_once_and_goes_on_once(anna: User) -> None:
    (ticket,) = hold()
    ReviewQueue.objects.update(grace_seconds=60)
    claim_ticket(ticket.pk, anna)

    def decide() -> None:
        resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)

    assert _kill_everywhere(decide, ticket, ("open", "held", False)) > 5
    assert _stands(ticket) == ("open", "held", True)

    assert _kill_everywhere(lambda: take_back_resolution(ticket.pk, anna), ticket, ("open", "held", True)) > 3
    assert _stands(ticket) == ("open", "held", False)

    decide()
    let_time_pass(ticket)
    assert _kill_everywhere(lambda: carry_out_pending(ticket.pk), ticket, ("open", "held", True)) > 8
    assert _stands(ticket) == ("resolved", "succeeded", True)

    # Killed behind the commit, nobody has dispatched what it released.
    assert not carry_out_pending(ticket.pk)
    assert go_on(ticket).steps["send"].status == "succeeded"
    assert Receipt.objects.filter(step=ticket.step_id).count() == 1
    acts = list(AuditLine.objects.filter(ticket_id=ticket.pk).order_by("pk").values_list("act", flat=True))
    assert acts == ["claimed", "decided", "took_back", "decided", "resolved"]


def test_a_process_that_dies_leaves_no_transaction_open(anna: User) -> None:
    (ticket,) = hold()
    ReviewQueue.objects.update(grace_seconds=60)
    claim_ticket(ticket.pk, anna)
    resolve_ticket(ticket.pk, anna, ResolutionKind.APPROVE, claim_number=1, seen_digest=None)
    let_time_pass(ticket)

    assert not survives(lambda: carry_out_pending(ticket.pk), 8)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20s'")
        assert Ticket.objects.select_for_update().get(pk=ticket.pk).is_open
