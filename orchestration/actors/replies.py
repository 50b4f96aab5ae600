"""Answers to those who asked: given to the call that waits, or said to be a failure. Each question has one answer."""

from collections.abc import Mapping, Sequence
from typing import Final

from agents.errors import AskCycle
from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.words import FINAL_STEP, LIVE

# What has ended waits for nothing, and a seal may stand over it.
_ANSWER: Final = f"""
UPDATE orchestration_call c SET state = 'done', ended_at = clock_timestamp(), unread = true,
    response_json = l.response, response_digest = l.digest
FROM {read_lines("answers", {"call": "bigint", "response": "text", "digest": "text"}, "l")},
    orchestration_step s, orchestration_run r
WHERE c.id = l.call AND c.state = 'open' AND s.id = c.step_id AND r.id = c.run_id AND r.status IN {LIVE}
  AND s.status NOT IN {FINAL_STEP} RETURNING c.id, c.step_id
"""
# Who answers is the actor that got the question. Of two answers the first counts.
_REPLY: Final = """
INSERT INTO orchestration_message (project_id, kind, sender, sender_actor_id, run_id, answers_id, is_failure, body_json,
    digest, hops, requested_by_id, sent_at)
SELECT m.project_id, 'reply', a.name || '/' || a.key, a.id, %(run)s::uuid, m.id, %(failed)s, %(body)s, %(digest)s,
    m.hops + 1, m.requested_by_id, clock_timestamp()
FROM orchestration_message m JOIN orchestration_actor a
    ON a.project_id = m.project_id AND a.name = m.to_name AND a.key = m.to_key
WHERE m.id = ANY(%(asks)s::bigint[]) AND m.asked_by_id IS NOT NULL
ON CONFLICT DO NOTHING RETURNING project_id, sender
"""


def answer_calls(answers: Mapping[int, str]) -> dict[int, int]:
    """Answer open calls that wait for a reply, each once; return their steps, to be woken after the commit.

    Args: answers: canonical JSON by call.
    """
    if not answers:
        return {}
    lines = [{"call": call, "response": text, "digest": digest_text(text)} for call, text in answers.items()]
    return {row.id: row.step_id for row in fetch_all(_ANSWER, {"answers": dump_line(lines)})}


def refuse_asks(messages: Sequence[int], reason: str, *, is_circle: bool = False) -> set[tuple[int, str]]:
    """Say to those who asked by these messages that there is no answer; what was answered stays so.

    Args: is_circle: as whom they ask waits for them.
    Returns: project and sender of what is to be routed after the commit.
    """
    body = {"reason": reason[:2000], **({"code": AskCycle.code} if is_circle else {})}
    return _reply(messages, canonical(body), failed=True, run_id=None)


def reply_to_asks(messages: Sequence[int], body_json: str, run_id: object) -> set[tuple[int, str]]:
    """Answer those who asked by these messages, where nothing else was replied. Returns: as `refuse_asks`."""
    return _reply(messages, body_json, failed=False, run_id=run_id)


def _reply(messages: Sequence[int], body_json: str, *, failed: bool, run_id: object) -> set[tuple[int, str]]:
    if not messages:
        return set()
    about = {
        "asks": list(messages),
        "body": body_json,
        "digest": digest_text(body_json),
        "failed": failed,
        "run": run_id,
    }
    return {(row.project_id, row.sender) for row in fetch_all(_REPLY, about)}
