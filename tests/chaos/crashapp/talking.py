"""An actor that does what its mail says: passes on, publishes, asks; and keeps in its state what it read. A collector
that counts."""

from typing import Any

from agents import Result, Task, agent
from orchestration import Listen, StepSpec, WorkflowSpec
from tests.chaos.crashapp.journal import note

TALKER, COLLECTOR, TOPIC = "crash.talker", "crash.collector", "crash.said"


@agent(TALKER, timeout_seconds=60)
def talk(task: Task) -> Result:
    """Do what each message of the batch says; the output tells which they were, and what was answered."""
    answers: list[Any] = []
    read = [] if task.state is None else list(task.state["read"])
    for mail in task.messages:
        note("read", address=task.address, message=mail.id)
        read.append(mail.id)
        if "ask" in mail.body:
            answers.append(task.ask(mail.body["ask"], {"n": mail.body["n"]}, timeout_seconds=600))
        if "send" in mail.body:
            task.send(mail.body["send"], {"of": mail.id})
        if "publish" in mail.body:
            task.publish(TOPIC, {"of": mail.id, "for": mail.body["publish"]})
    task.state = {"read": read}
    return Result({"read": [mail.id for mail in task.messages], "answers": answers})


@agent(COLLECTOR, timeout_seconds=60)
def collect(task: Task) -> Result:
    """Tell what was passed on to it."""
    return Result({"of": [mail.body["of"] for mail in task.messages]})


def behave(name: str, *, mailbox: int = 1, hears: str = "") -> WorkflowSpec:
    """Return the behaviour of these actors."""
    listens = (Listen(hears, key="body['for']"),) if hears else ()
    step = StepSpec("turn", agent=name, on_failure="abort")
    return WorkflowSpec(
        name=name.replace(".", "-"), actor=name, mailbox=mailbox, steps=(step,), listens=listens
    )
