"""What each of the team does in a turn: it reads its mailbox, asks who knows, and says what is to be sent and kept."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from agents import AskFailed, Message, Result, SignalTimedOut, Task, agent
from examples.desk_team.case import Case, Mail
from examples.desk_team.handbook import open_handbook
from examples.desk_team.notes import choose_note, find_doubts, name_note, write_note
from examples.desk_team.reading import OTHER, Reading, read

_PATIENCE_SECONDS: Final = 3_600
_DAYS_TO_REMIND: Final = 2
_MOST_STORY: Final = 50
_MOST_LIKE: Final = 1_000
_OUTBOX: Final = "team.outbox/main"


class News(BaseModel):
    """What a specialist keeps: texts that hold instead of the handbook's, by the entry they are about."""

    model_config = ConfigDict(frozen=True)

    texts: dict[str, str] = Field(default_factory=dict)


@agent("team.desk", timeout_seconds=60, mailbox=5, state_schema=Case)
def serve(task: Task) -> Result:
    """Answer what a customer wrote, by what is known of them and by what the team remembers; else ask."""
    case, said = task.state, []
    for message in task.messages:
        if message.kind == "timer":
            case, told = _follow_up(case, message.body["body"])
        elif message.sender.startswith("team.person/"):
            case, told = _pass_answer(task, case, message.body)
        else:
            case, told = _answer(task, case, Mail.read(message))
        if told:
            task.send(_OUTBOX, {"to": task.key, "text": told})
            said.append(told)
    task.state = case
    return Result({"said": said})


def _answer(task: Task, case: Case, mail: Mail) -> tuple[Case, str]:
    reading = read(mail.text)
    case, used = case.learn(reading), case.list_used(reading)
    way = _find_way(task, case, reading)
    text = way["text"]
    if way["by"] == "handed":
        case = case.hand_over(mail.message_id, reading.question)
        _hand_over(task, case, mail, reading)
    if way["by"] == "memory":
        used = [*used, "answer"]
    about = {"message_id": mail.message_id, "day": mail.day, "topic": reading.topic}
    task.publish(
        "team.answered",
        {"customer": task.key, "question": reading.question, "used": used, **about, **way},
    )
    return case, case.address(text)


def _find_way(task: Task, case: Case, reading: Reading) -> dict[str, Any]:
    """Return an answer and who gave it: memory where it suffices, then a specialist, then a person."""
    if reading.is_own_order:
        if case.order is None:
            return _tell("asked_back", "Which order is it? Its number is on the receipt, as R-2100.")
        return _ask(task, reading, case.order)
    hits = task.recall("project", like=reading.question[:_MOST_LIKE], limit=10)
    known = choose_note(hits, reading.topic, reading.question)
    if known is not None:
        about = known.key.rpartition("/")[2]
        return _tell("memory", known.value["text"], about=about, all_of=known.value["all_of"])
    return _ask(task, reading, None)


def _ask(task: Task, reading: Reading, order: str | None) -> dict[str, Any]:
    question = {"question": reading.question, "customer": task.key, "order": order}
    advice = None
    if reading.topic != OTHER:
        try:
            advice = task.ask(f"team.specialist/{reading.topic}", question, timeout_seconds=_PATIENCE_SECONDS)
        except (AskFailed, SignalTimedOut):
            # A specialist that can't answer keeps no customer waiting: a person is asked instead.
            advice = None
    if advice is None:
        return _tell("handed", "I pass your question on to a colleague and write to you again.", order=order)
    return _tell("specialist", **advice, order=order)


def _hand_over(task: Task, case: Case, mail: Mail, reading: Reading) -> None:
    asked = {"customer": task.key, "message_id": mail.message_id, "day": mail.day}
    task.send(
        f"team.person/{reading.topic}",
        {
            **asked,
            "topic": reading.topic,
            "question": reading.question,
            "order": case.order,
            "is_own_order": reading.is_own_order,
        },
    )
    task.remind(
        f"open {mail.message_id}",
        {"message_id": mail.message_id},
        in_seconds=_DAYS_TO_REMIND * mail.day_seconds,
    )


def _follow_up(case: Case, reminded: dict[str, Any]) -> tuple[Case, str]:
    question = case.open.get(reminded["message_id"])
    return case, "" if question is None else case.address(f"We have not forgotten what you asked: {question}")


def _pass_answer(task: Task, case: Case, answer: dict[str, Any]) -> tuple[Case, str]:
    told = {name: answer[name] for name in ("message_id", "day", "topic", "question")}
    way = _tell("person", answer["text"], order=answer["order"] if answer["is_own_order"] else None)
    task.publish("team.answered", {"customer": task.key, "used": [], **told, **way})
    return case.close(answer["message_id"]), case.address(answer["text"])


def _tell(
    by: str, text: str, *, about: str = "", all_of: Any = (), order: str | None = None
) -> dict[str, Any]:
    return {"by": by, "text": text, "about": about, "all_of": list(all_of), "order": order}


@agent("team.specialist", timeout_seconds=30, state_schema=News)
def advise(task: Task) -> Result:
    """Answer each question of the batch by news, handbook and orders, or say that it is not known."""
    news, handbook, answered = task.state, open_handbook(), 0
    for message in task.messages:
        body = message.body
        if message.topic == "shop.news":
            news = News(texts={**news.texts, body["about"]: body["text"]})
        elif message.asks:
            advice = (
                handbook.advise(str(task.key), body["question"], news.texts)
                if body["order"] is None
                else handbook.find_order(body["order"], body["customer"])
            )
            task.reply(message, None if advice is None else advice.describe())
            answered += 1
    task.state = news
    return Result({"answered": answered})


@agent("team.librarian", timeout_seconds=30)
def propose(task: Task) -> Result:
    """Propose to remember an answer; what news are about is not to be answered from memory any more."""
    [message] = task.messages
    if message.topic == "shop.news":
        return _withdraw(task, message)
    key, note = write_note(message.body)
    customer = message.body["customer"]
    # The question stands there in the customer's words: it goes when all about them is forgotten.
    task.remember(
        "project",
        key,
        note,
        search=f"{note['topic']} {note['question']} {note['text']}",
        about=f"customer/{customer}",
    )
    return Result({"key": key, "note": note, "customer": customer})


def _withdraw(task: Task, message: Message) -> Result:
    key = name_note(message.body["topic"], message.body["about"])
    hit = task.memory("project", key)
    if hit is not None:
        # Somebody may write the same note at this moment: then this is done again, and sees it.
        task.remember(
            "project",
            key,
            {"withdrawn": message.body["text"]},
            search="withdrawn",
            expected_version=hit.version,
        )
    return Result({"key": key, "note": None, "customer": ""})


@agent("team.checker", timeout_seconds=30)
def check_note(task: Task) -> Result:
    """Let a note pass that everybody may be told; a person decides of any other."""
    said = task.input["output"]
    doubts = [] if said["note"] is None else find_doubts(said["note"], said["customer"])
    return Result({"verdict": "FAIL" if doubts else "PASS", "reasons": doubts})


@agent("team.collector", timeout_seconds=30)
def collect(task: Task) -> Result:
    """Collect what this customer asked before and was told: one question to the index of messages."""
    # Here and not above: every command reads this file to know the agents, and few look through messages.
    from orchestration import actors
    from orchestration.models import Run

    [message] = task.messages
    asked = message.body
    project = Run.objects.values_list("project__slug", flat=True).get(pk=task.run_id)
    desk = f"team.desk/{asked['customer']}"
    told = actors.published(by=desk, topic="team.answered", project=project).reverse()
    story = [{name: each.body[name] for name in ("day", "question", "text")} for each in told[:_MOST_STORY]]
    return Result(
        {
            "customer": asked["customer"],
            "question": asked["question"],
            "order": asked["order"],
            "story": story,
        }
    )


@agent("team.courier", timeout_seconds=30)
def pass_on(task: Task) -> Result:
    """Give a person's answer to the desk of who asked, which knows how they like to be written to."""
    asked, answer = task.input["asked"], task.handoff["answer"]
    task.send(f"team.desk/{asked['customer']}", {**asked, "text": answer["text"]})
    return Result({"to": asked["customer"]})


@agent("team.outbox", timeout_seconds=30, mailbox=20)
def hand_to_mail(task: Task) -> Result:
    """Take what goes out. A shop would hand it to its mail server here, under `task.idempotency_key`."""
    return Result({"sent": [message.body for message in task.messages]})
