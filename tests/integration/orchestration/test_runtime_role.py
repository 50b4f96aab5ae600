"""A role that owns no table does all the engine's work, and can't touch history."""

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from agents import Result, Task, TransientError
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import Retry, StepSpec, Verify, WorkflowSpec, runs
from orchestration.domain.states import ResolutionKind
from orchestration.testing import drive, run_workflow
from tests.people import make_member

pytestmark = pytest.mark.django_db

ROLE = 'ringmaster "app"'
SPEC = WorkflowSpec(
    name="worked-by-a-role",
    steps=(
        StepSpec("flaky", agent="role.flaky", retry=Retry(max_attempts=2)),
        StepSpec("each", agent="role.item", needs=("flaky",), for_each="[1, 2]"),
        StepSpec("gated", agent="role.item", needs=("each",), verify=Verify("role.judge", max_revisions=1)),
        StepSpec("unsure", agent="role.unsure", needs=("gated",)),
        StepSpec("last", agent="role.item", needs=("unsure",)),
    ),
)


def _flaky(task: Task) -> int:
    if task.attempt == 1:
        raise TransientError("once")
    return 1


AGENTS = {
    "role.flaky": _flaky,
    "role.item": lambda _: 1,
    "role.judge": lambda task: {"verdict": "PASS" if task.attempt else "FAIL", "reasons": []},
    "role.unsure": lambda _: Result(1, confidence=0.1),
}


@pytest.fixture
def role() -> Iterator[None]:
    """The role, granted what it needs, and this connection working as it."""
    _execute(f"CREATE ROLE {_quoted(ROLE)}")
    call_command("grant_runtime_role", ROLE, stdout=StringIO())
    yield
    _execute("RESET ROLE")


def test_it_does_all_the_work(role: None) -> None:
    person = make_member("ada", "reviewer")
    _become()
    done = run_workflow(SPEC, agents=AGENTS)
    assert done.held == ["unsure"]
    ticket = Ticket.objects.get(run=done.run)
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, ResolutionKind.APPROVE, claim_number=1, seen_digest=ticket.seen_digest)
    assert drive(done.run.pk, agents=AGENTS).status == "succeeded"
    assert runs.verify(done.run.pk).fault is None
    runs.cancel(run_workflow(SPEC, agents=AGENTS).run.pk, reason="no longer wanted")


def test_the_console_works_as_well(role: None) -> None:
    person = make_member("ada", "reviewer")
    _become()
    done = run_workflow(SPEC, agents=AGENTS)
    ticket = Ticket.objects.get(run=done.run)
    browser = Client()
    assert browser.login(username="ada", password="secret-word")
    for page in (
        reverse("admin:orchestration_run_change", args=(done.run.pk,)),
        reverse("admin:escalation_ticket_change", args=(ticket.pk,)),
    ):
        assert browser.get(page).status_code == 200
    assert browser.post(reverse("admin:escalation_ticket_claim", args=(ticket.pk,))).status_code == 302
    ticket.refresh_from_db()
    assert ticket.claimed_by == person


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM orchestration_run",
        "DELETE FROM escalation_ticket",
        "TRUNCATE orchestration_event",
        "UPDATE orchestration_event SET kind = 'forged'",
        "UPDATE orchestration_receipt SET body_json = '{}'",
        "DROP TRIGGER event_is_kept ON orchestration_event",
        "ALTER TABLE orchestration_event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DELETE FROM django_migrations",
        "DROP FUNCTION ringmaster_keep_history() CASCADE",
    ],
)
def test_it_can_not_touch_history(role: None, statement: str) -> None:
    _become()
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        _execute(statement)


def test_an_unknown_role_is_refused_with_the_way_to_make_it() -> None:
    with pytest.raises(CommandError, match="CREATE ROLE"):
        call_command("grant_runtime_role", "nobody-there")


def test_the_owner_itself_is_refused() -> None:
    with pytest.raises(CommandError, match="grants would not bind it"):
        call_command("grant_runtime_role", connection.settings_dict["USER"])


def test_the_statements_can_be_read_first() -> None:
    _execute('CREATE ROLE "read first"')
    out = StringIO()
    call_command("grant_runtime_role", "read first", "--sql", stdout=out)
    lines = out.getvalue().splitlines()
    assert 'GRANT SELECT, INSERT ON "public"."orchestration_event" TO "read first";' in lines
    assert 'GRANT SELECT, INSERT, UPDATE ON "public"."orchestration_attempt" TO "read first";' in lines
    assert 'GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."orchestration_edge" TO "read first";' in lines
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('read first', 'orchestration_event', 'SELECT')")
        assert cursor.fetchone() == (False,)


def _become() -> None:
    _execute(f"SET LOCAL ROLE {_quoted(ROLE)}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
