"""What people decided about the demo's runs is no fault of the demo."""

import pytest
from django.contrib.auth.models import User

from config.demo.feeding import Feeding, Progress, measure
from config.demo.report import describe_result
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run
from orchestration.selectors.progress import read_clock
from tests.integration.escalation.desk import fail, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_member("ada", "reviewer")


def _abort(ticket: Ticket, person: User) -> None:
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, ResolutionKind.ABORT, claim_number=1, seen_digest=None)


def _measure() -> tuple[Feeding, Progress]:
    feeding = Feeding(tuple(Run.objects.order_by("pk").values_list("pk", flat=True)), 0, read_clock())
    return feeding, measure(feeding)


def test_what_people_ended_is_told_apart_from_what_failed(ada: User) -> None:
    aborted, cancelled, paused, _held = (hold()[0] for _ in range(4))
    _abort(aborted, ada)
    runs.cancel(cancelled.run_id, "enough", ada)
    runs.pause(paused.run_id, "wait", ada)

    feeding, progress = _measure()

    assert progress == Progress(total=4, succeeded=0, failed=0, held=1, stopped=3)
    assert progress.settled == progress.total
    assert "  stopped       3  (by people: paused, cancelled or aborted)" in describe_result(
        feeding, progress, 1
    )


def test_what_failed_by_itself_still_counts_as_failed(ada: User) -> None:
    _abort(hold(writer=fail)[0], ada)
    failed = hold()[0].run
    Run.objects.filter(pk=failed.pk).update(status="failed", finished_at=read_clock())

    _, progress = _measure()

    assert (progress.failed, progress.stopped) == (1, 1)
