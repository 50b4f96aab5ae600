"""What the demo prints: a progress bar, what happened, and where to look."""

from collections import Counter
from typing import TextIO

from django.urls import reverse

from config.demo.feeding import Feeding, Progress
from config.demo.people import ADMIN_NAME, LEAD_NAME, REVIEWER_NAME, Person
from config.demo.stage import Stage
from escalation.selectors import list_open_tickets
from orchestration.domain.holds import HoldSubject
from orchestration.models import Actor, Run

_BAR_WIDTH = 32


class ProgressBar:
    """One line that is drawn again on a terminal, and a line per tenth elsewhere."""

    def __init__(self, out: TextIO) -> None:
        """Draw to this stream."""
        self._out = out
        self._tenth = -1

    def show(self, progress: Progress) -> None:
        """Draw the state of things."""
        share = progress.settled / progress.total if progress.total else 1.0
        line = f"{progress.settled}/{progress.total} messages, {progress.held} for people"
        if self._out.isatty():
            bar = "█" * round(share * _BAR_WIDTH)
            end = "\n" if share >= 1 else ""
            self._out.write(f"\r  [{bar:<{_BAR_WIDTH}}] {line}   {end}")
        elif int(share * 10) != self._tenth:
            self._tenth = int(share * 10)
            self._out.write(f"  {line}\n")
        self._out.flush()


def describe_result(feeding: Feeding, progress: Progress, seconds: float) -> list[str]:
    """Return what happened, a line each."""
    if feeding.new == 0:
        opening = f"All {progress.total} messages were fed before: nothing was started again."
    else:
        opening = f"{feeding.new} messages became runs and were worked off in {seconds:.1f} s."
    lines = [
        opening,
        f"  answered   {progress.succeeded:>4}",
        f"  escalated  {progress.held:>4}  (wait for a person)",
        f"  failed     {progress.failed:>4}",
    ]
    if progress.stopped:
        lines.append(f"  stopped    {progress.stopped:>4}  (by people: paused, cancelled or aborted)")
    return lines + describe_tickets(feeding)


def describe_tickets(feeding: Feeding) -> list[str]:
    """Return in which review queues the tickets wait."""
    tickets = list_open_tickets().filter(run__in=feeding.run_ids)
    queues = Counter(f"{ticket.queue.name} ({ticket.sla})" for ticket in tickets)
    return [f"  tickets    {count:>4}  in the review queue {name}" for name, count in sorted(queues.items())]


def describe_approvals(feeding: Feeding, stage: Stage) -> list[str]:
    """Return which calls of agents wait for a person, and where that person says so."""
    waiting = list_open_tickets().filter(run__in=feeding.run_ids, subject=HoldSubject.CALLS).order_by("pk")
    lines = []
    for ticket in waiting:
        page = reverse("admin:escalation_ticket_change", args=[ticket.pk])
        for call in ticket.seen["calls"]:
            told = ", ".join(f"{name} {value}" for name, value in call["arguments"].items())
            lines.append(f"  ticket {ticket.pk}: {call['tool']} ({told})")
        lines.append(f"    {stage.web_url}{page}")
    if lines:
        lines.insert(
            0, "These calls wait for a person; approve, change or deny them there, while the demo serves:"
        )
    return lines


def describe_people(people: list[Person]) -> list[str]:
    """Return who may sign in, and the passwords of those who are new."""
    lines = [
        f"  {person.name:<10} {person.password}   {person.does}"
        for person in people
        if person.password is not None
    ]
    if lines:
        lines.insert(0, "Sign in with these names and passwords (printed only now):")
    known = [f"`{person.name}`" for person in people if person.password is None]
    if known:
        lines.append(
            f"The password of {' and '.join(known)} was printed at the first start; "
            "`manage.py changepassword NAME` sets a new one."
        )
    return lines


def describe_links(feeding: Feeding, stage: Stage, *, has_flower: bool) -> list[str]:
    """Return the addresses to open."""
    tickets = reverse("admin:escalation_ticket_changelist")
    names = f"{REVIEWER_NAME}, {LEAD_NAME} or {ADMIN_NAME}"
    return [
        f"  console    {stage.web_url}/admin/   (users {names})",
        f"  tickets    {stage.web_url}{tickets}",
        *_describe_runs(feeding, stage),
        f"  Flower     {stage.flower_url}/" if has_flower else "  Flower     is not up yet: see flower.log",
    ]


def describe_actors(stage: Stage) -> list[str]:
    """Return where actors are to be seen, and one of them; nothing where there are none."""
    one = Actor.objects.order_by("name", "key").first()
    if one is None:
        return []
    page = reverse("admin:orchestration_actor_change", args=[one.pk])
    return [
        f"  actors     {stage.web_url}{reverse('admin:orchestration_actor_changelist')}",
        f"  an actor   {stage.web_url}{page}   ({one}; `manage.py trace {one}`)",
    ]


def _describe_runs(feeding: Feeding, stage: Stage) -> list[str]:
    """Return the first run of each workflow."""
    first = Run.objects.filter(pk__in=feeding.run_ids).order_by("workflow_name", "created_at", "pk")
    pages = [
        (run.workflow_name, reverse("admin:orchestration_run_change", args=[run.pk]))
        for run in first.distinct("workflow_name")
    ]
    return [f"  a run      {stage.web_url}{page}   (workflow {name})" for name, page in pages]
