"""A project with a workflow, a run whose draft waits for a person, and one that is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from agents import Result, Task
from agents.invoke import override
from escalation.escrow import save_calendar
from escalation.models import Calendar, Ticket
from orchestration import StepSpec, WorkflowSpec, actors, memory, runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Actor, Call, Delivery, Memory, Project, Run, Step, Subscription, Topic
from orchestration.testing import drive

LETTER = WorkflowSpec(
    name="letter",
    steps=(
        StepSpec("facts", agent="test.facts"),
        StepSpec("draft", agent="test.writer", needs=("facts",)),
        StepSpec("send", agent="test.sender", needs=("draft",)),
    ),
)
DESK = WorkflowSpec(name="desk", actor="test.desk", steps=(StepSpec("turn", agent="test.answer"),))
AGENTS: dict[str, Callable[[Task], Any]] = {
    "test.facts": lambda task: task.once("look up", lambda: {"order": 7}),
    "test.writer": lambda task: Result(
        {"body": "Dear Ada"}, confidence=task.run_input.get("confidence", 0.5)
    ),
    "test.answer": lambda task: {"body": task.messages[0].body},
    "test.sender": lambda task: {"sent": task.handoff["draft"]},
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What the tests ask about."""

    project: Project
    other: Project
    held: Run
    done: Run
    step: Step
    ticket: Ticket
    calendar: Calendar
    call: Call
    dead: Delivery
    topic: Topic
    member: Subscription
    memory: Memory


@contextmanager
def known_agents() -> Iterator[None]:
    """Have the scene's agents known, and nothing published to the broker."""
    with override(AGENTS), mute_dispatch():
        yield


def play(project: str, confidence: float) -> Run:
    """Run the letter as far as it goes."""
    with known_agents():
        run = runs.start("letter", {"confidence": confidence}, project=project)
    return drive(run.pk, agents=AGENTS).run


def set_scene() -> Scene:
    """Make the rows."""
    project, other = (Project.objects.create(slug=slug, name=slug.title()) for slug in ("desk", "other"))
    with known_agents():
        runs.publish(LETTER, project=project.slug)
        runs.publish(DESK, project=project.slug)
        topic = actors.define_topic("case.updated", {"type": "object"}, project=project.slug)
        actors.publish(topic.name, {"case": 7}, project=project.slug)
        member = actors.subscribe(topic.name, "test.desk", key="1", project=project.slug)
        # Stopped before anything comes, so that no turn stands among the runs.
        Actor.objects.create(
            project=project, name="test.desk", key="1", made_by="code", stopped_at=timezone.now()
        )
        actors.send("test.desk/1", {"password": "hunter2"}, project=project.slug)
    held, done = play("desk", 0.5), play("desk", 0.9)
    ticket = Ticket.objects.get(run=held)
    version = save_calendar(project, "Office", "UTC", {"mon": ["09:00-17:00"]}, [], user=None)
    call = Call.objects.get(run=held)
    dead = Delivery.objects.get(message__to_name="test.desk")
    known = memory.remember("project", "customer/7", {"tone": "short"}, project=project.slug)
    at = (ticket.step, ticket, version.calendar, call)
    return Scene(project, other, held, done, *at, dead, topic, member, known)
