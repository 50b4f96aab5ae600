"""What an agent wants to send with its answer: checked before the answer is judged, as lines of the effect `sent`.

A message that can't be sent makes a failure of the answer: nothing is dropped without a word.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, FailureKind, Task
from agents.domain.json_schema import find_fault
from agents.domain.outbox import Letter, MessageKind
from orchestration.conf import get_conf
from orchestration.domain.mail import MOST_HOPS, Sender
from orchestration.domain.policy import Ending
from orchestration.domain.receipts import digest_text
from orchestration.domain.work import Claim, Facts
from orchestration.executor.patience import ask_patiently
from orchestration.outgoing import SENT
from orchestration.publishing import find_or_publish_behaviours
from orchestration.selectors.mail import (
    TopicFound,
    find_full_mailbox,
    find_sender,
    find_topics,
)


class _Refused(Exception):
    def __init__(self, kind: FailureKind, why: str) -> None:
        super().__init__(why)
        self.kind = kind


def gather_letters(claim: Claim, task: Task, outcome: Ending, facts: Facts) -> tuple[Ending, Facts]:
    """Return an answer with what it sends once it is accepted; or, where that can't be sent, the failure that it is."""
    letters = task.outbox.letters
    if not letters or not isinstance(outcome, Answered):
        return outcome, facts
    try:
        lines = ask_patiently(
            claim, lambda held: list(_describe(held, letters)), doing="look at its messages"
        )
    except _Refused as refused:
        failed = describe_refusal(
            refused.kind,
            str(refused),
            claim.agent,
            agent_version=outcome.agent_version,
            error_class="MessageRefused",
        )
        return replace(failed, usage=outcome.usage), facts
    return outcome, replace(facts, effects={**facts.effects, SENT.name: lines}) if lines else facts


def _describe(claim: Claim, letters: Sequence[Letter]) -> Iterator[dict[str, Any]]:
    sender = find_sender(claim.run.run_id)
    if sender.is_mute:
        return
    if sender.hops > MOST_HOPS:
        raise _Refused(
            FailureKind.LIMIT,
            f"its messages would be {sender.hops} turns away from whoever began: agents write to each other without "
            "end. Approve nothing of it before somebody knows why",
        )
    topics = find_topics(sender.project_id, {each.topic for each in letters if each.topic})
    _check_receivers(sender, letters)
    for place, letter in enumerate(letters):
        yield {
            **_describe_letter(claim, sender, letter),
            **(_describe_topic(letter, place, topics.get(letter.topic)) if letter.topic else {}),
            "n": place,
        }


def _check_receivers(sender: Sender, letters: Sequence[Letter]) -> None:
    addresses = {(each.to.name, each.to.key) for each in letters if each.to is not None}
    if not addresses:
        return
    names = {name for name, _ in addresses}
    unknown = names - find_or_publish_behaviours(sender.project_id, names)
    if unknown:
        raise _Refused(
            FailureKind.PERMANENT,
            f"to: no published workflow behaves as '{min(unknown)}' in its project; publish one with "
            f"WorkflowSpec(actor='{min(unknown)}', ...)",
        )
    most = get_conf().MAILBOX_LIMIT
    full = find_full_mailbox(sender.project_id, sorted(addresses), most)
    if full is not None:
        raise _Refused(
            FailureKind.LIMIT,
            f"to: the mailbox of '{full}' is full ({most:,} messages wait there); see what holds its turn up",
        )


def _describe_letter(claim: Claim, sender: Sender, letter: Letter) -> dict[str, Any]:
    return {
        "project_id": sender.project_id,
        "kind": letter.kind,
        "sender": sender.address,
        "sender_actor_id": sender.actor_id,
        "attempt": claim.attempt,
        "to_name": letter.to.name if letter.to else "",
        "to_key": letter.to.key if letter.to else "",
        "answers_id": letter.answers,
        "key": _name_key(letter),
        "body_json": letter.body_json,
        "digest": digest_text(letter.body_json),
        "hops": sender.hops,
        "chain": [],
        "requested_by_id": sender.requested_by,
        "in_seconds": letter.in_seconds,
        "due_at": None if letter.at is None else letter.at.isoformat(),
    }


def _name_key(letter: Letter) -> str | None:
    """Return what makes a reminder come once: its name and time; one in some seconds is another each time."""
    if letter.kind is not MessageKind.TIMER or letter.at is None:
        return None
    return f"timer:{letter.key}@{letter.at.isoformat()}"


def _describe_topic(letter: Letter, place: int, topic: TopicFound | None) -> dict[str, Any]:
    if topic is None:
        raise _Refused(
            FailureKind.PERMANENT,
            f"topic: there is none named '{letter.topic}' in its project; define it with "
            f"actors.define_topic('{letter.topic}', schema)",
        )
    fault = (
        None
        if topic.schema_json is None
        else find_fault(json.loads(topic.schema_json), json.loads(letter.body_json))
    )
    if fault is not None:
        raise _Refused(
            FailureKind.UNREADABLE,
            f"message {place + 1}, to topic '{letter.topic}': body{fault[0]}: {fault[1]} (schema v{topic.version})",
        )
    return {"topic_id": topic.topic_id, "schema_version": topic.version}
