"""Fills a throw-away database with tickets, by copies of one that the engine made. Needs Django to be set up."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model

from agents import Result
from agents.invoke import override
from escalation.models import ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Membership, Project, Step
from orchestration.testing import drive

_QUEUES = 8
_AGENTS = 10
_AGENT = "bench.writer"
_SPEC = WorkflowSpec(name="bench-letter", steps=(StepSpec("draft", agent=_AGENT),))
_WORDS = """
INSERT INTO escalation_ticketwords (ticket_id, words, codes, is_cut, is_readable)
SELECT id, to_tsvector('simple', said), 'order-' || id, false, true FROM (
    SELECT id, concat_ws(' ', 'where is my lamp', 'order-' || id, 'customer' || id % 50000, 'town' || id % 300) said
    FROM escalation_ticket) tickets
"""
_CLOSED = {
    "touched_at": "opened + interval '1 s' * (2 + 90 * chance[3])",
    "due_at": "opened + interval '300 s'",
    "status": "'resolved'",
    "resolution": "kind",
    "resolved_by_id": "person",
    "resolved_at": "opened + interval '1 s' * (100 + 400 * chance[4])",
    "resolution_output_json": "CASE WHEN kind IN ('approve', 'edit') THEN seen_json END",
    "feedback": "CASE WHEN kind = 'send_back' THEN 'Say when it comes.' ELSE '' END",
    "claim_number": "1",
}
_OPEN = {
    "due_at": "opened + interval '1 s' * (300 + 7200 * chance[3])",
    "touched_at": "CASE WHEN chance[4] < 0.1 THEN opened + interval '5 s' END",
    "claimed_by_id": "CASE WHEN chance[4] < 0.1 THEN person END",
    "claim_expires_at": "CASE WHEN chance[4] < 0.1 THEN now() + interval '1 hour' END",
    "claim_number": "CASE WHEN chance[4] < 0.1 THEN 1 ELSE 0 END",
}


@dataclass(frozen=True)
class Seeded:
    """Who looks, and at what."""

    reviewer: User
    admin: User
    queues: list[int]


def seed(tickets: int, open_tickets: int, reviewers: int) -> Seeded:
    """Make so many tickets: the open ones of the last two hours, the others of the last 90 days."""
    model = _hold()
    people = _make_people(reviewers)
    queues = [model.queue_id, *_make_queues(model)]
    with connection.cursor() as cursor:
        # Copies of a ticket that the engine has made: its triggers would look at each of them again.
        cursor.execute("SET session_replication_role = replica")
        steps = _copy_steps(cursor, model, open_tickets)
        shared = {
            "queue_id": _choose(queues, 1),
            "rule": _choose(["low_confidence", "bad_input", "verifier_failed", "attempts_exhausted"], 2),
            "tags": "CASE WHEN chance[2] < 0.05 THEN ARRAY['refund'] ELSE '{}' END",
            "confidence": "chance[5]",
            "opened_at": "opened",
            "first_touch_due_at": "opened + interval '60 s'",
        }
        closed = {**shared, **_CLOSED, "step_id": f"{steps} + mod(n, {_AGENTS})"}
        _copy_tickets(cursor, model, tickets - open_tickets, closed, days=90, people=people)
        still = {**shared, **_OPEN, "step_id": f"{steps} + {_AGENTS} + n - 1"}
        _copy_tickets(cursor, model, open_tickets, still, days=1 / 12, people=people)
        cursor.execute(_WORDS)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")
    return Seeded(people[0], User.objects.create_superuser("root"), queues)


def _hold() -> Ticket:
    agents = {_AGENT: lambda _task: Result({"body": "Your lamp is on its way."}, confidence=0.5)}
    with override(agents), mute_dispatch():
        runs.publish(_SPEC)
        run = runs.start(_SPEC.name, {"text": "Where is my lamp?"})
    drive(run.pk, agents=agents)
    return Ticket.objects.get(run=run.pk)


def _make_people(number: int) -> list[User]:
    people = [User(username=f"reviewer{n}", is_staff=True) for n in range(number)]
    User.objects.bulk_create(people)
    group = Group.objects.create(name="reviewers of the benchmark")
    group.user_set.set(people)
    Membership.objects.create(project=Project.objects.get(slug="default"), group=group, role="reviewer")
    return people


def _make_queues(model: Ticket) -> list[int]:
    project = model.queue.project_id
    made = (ReviewQueue(project_id=project, slug=f"q{n}", name=f"Queue {n}") for n in range(1, _QUEUES))
    return [queue.pk for queue in ReviewQueue.objects.bulk_create(made)]


def _copy_steps(cursor: Any, model: Ticket, open_tickets: int) -> int:
    """Make the steps that closed tickets share, an agent each, and one for each open ticket; return the first."""
    names = _list_columns(Step)
    agent = (
        f"CASE WHEN n <= {_AGENTS} THEN 'bench.agent' || n ELSE 'bench.agent' || (1 + mod(n, {_AGENTS})) END"
    )
    cursor.execute("SELECT max(id) FROM orchestration_step")
    [last] = cursor.fetchone()
    values = _list_values(names, {"key": "'step' || n", "agent": agent})
    cursor.execute(
        f"INSERT INTO orchestration_step (id, {_quote(names)}) SELECT {last} + n, {values} "  # noqa: S608 - ours
        f"FROM orchestration_step, generate_series(1, {_AGENTS + open_tickets}) n WHERE id = %s",
        (model.step_id,),
    )
    return int(last) + 1


def _copy_tickets(
    cursor: Any, model: Ticket, number: int, columns: dict[str, str], *, days: float, people: list[User]
) -> None:
    names = _list_columns(Ticket)
    kinds = _choose(["approve", "approve", "approve", "edit", "send_back", "skip"], 1)
    opened = f"now() - interval '1 day' * {days} * (1 - n::float8 / {number}) - interval '1 s'"
    person = f"{people[0].pk} + floor(chance[5] * {len(people)})::int"
    cursor.execute(
        f"INSERT INTO escalation_ticket ({_quote(names)}) SELECT {_list_values(names, columns)} FROM ("  # noqa: S608
        f"SELECT drawn.*, {opened} AS opened, {kinds} AS kind, {person} AS person FROM ("
        "SELECT model.*, n, ARRAY[random(), random(), random(), random(), random()] AS chance "
        f"FROM escalation_ticket model, generate_series(1, {number}) n WHERE model.id = %s OFFSET 0"
        ") drawn) tickets",
        (model.pk,),
    )


def _choose(among: list[Any], chance: int) -> str:
    return f"(ARRAY{among})[1 + floor(chance[{chance}] * {len(among)})::int]"


def _list_columns(model: type[Model]) -> list[str]:
    """Return the columns that a copy takes over: all but the number, and what PostgreSQL generates."""
    fields = model._meta.concrete_fields  # noqa: SLF001 - Django documents it
    plain = [field.column or "" for field in fields if not getattr(field, "generated", False)]
    return [column for column in plain if column != "id"]


def _list_values(names: list[str], values: dict[str, str]) -> str:
    return ", ".join(values.get(name, f'"{name}"') for name in names)


def _quote(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
