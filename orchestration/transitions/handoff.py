"""What was shortened on its way to a running step; written before the agent sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.effects import Effect
from orchestration.domain.receipts import canonical
from orchestration.domain.summaries import Shortened, SummaryKey
from orchestration.domain.work import Claim, Predecessor
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import is_held_by, lost

_SHORTENED = {
    "from_step_id": "bigint",
    "text": "text",
    "digest": "text",
    "tokens": "integer",
    "summarised_by": "text",
    "loss_json": "text",
}
# The lock makes whoever would end the attempt meanwhile wait, and then read what was handed.
_LIVE = f"""
    SELECT s.id, s.run_id, s.attempt FROM orchestration_step s
    WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s")} FOR SHARE"""
_SUMMARISED = f"""
WITH live AS ({_LIVE}
)
UPDATE orchestration_handoff h
SET summary_json = t.text, digest = t.digest, tokens_after = t.tokens, summarised_by = t.summarised_by,
    loss_json = t.loss_json
FROM {read_lines("summaries", _SHORTENED, "t")}, live
WHERE h.attempt_id = %(attempt_id)s AND h.from_step_id = t.from_step_id
RETURNING h.id
"""


def record_shortened(claim: Claim, shortened: Mapping[int, Shortened]) -> None:
    """Write what an attempt is handed instead of originals that are over its tokens, by the sender's step.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "summaries": dump_line([asdict(one) | {"from_step_id": sender} for sender, one in shortened.items()]),
    }
    if len(fetch_all(_SUMMARISED, parameters)) != len(shortened):
        raise lost(claim)


_FETCHED = f"""
WITH live AS ({_LIVE}
)
INSERT INTO orchestration_handoff (attempt_id, run_id, from_step_id, to_step_id, original_digest, digest,
    tokens_before, tokens_after, summarised_by, kind, pointer, handed_at)
SELECT %(attempt_id)s, l.run_id, %(sender)s, l.id, %(original)s, %(digest)s, %(before)s, %(after)s, '', 'fetch',
    %(pointer)s, clock_timestamp() FROM live l RETURNING id
"""


def record_fetched(claim: Claim, sender: Predecessor, pointer: str, digest: str, tokens: int) -> None:
    """Write that an attempt was handed a part of an original.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "attempt_id": claim.attempt_id,
        "sender": sender.step_id,
        "original": sender.output_digest,
        "digest": digest,
        "before": sender.output_tokens,
        "after": tokens,
        "pointer": pointer,
    }
    if not fetch_all(_FETCHED, parameters):
        raise lost(claim)


@dataclass(frozen=True, slots=True)
class NewSummary:
    """A summary to be kept.

    Attributes: sender: whose output it is of.  fell_back: why it is not the one that was asked for; "" if it is.
        is_kept: others are handed it too.
    """

    sender: str
    key: SummaryKey
    handed: Shortened
    fell_back: str
    is_kept: bool


KEPT_COLUMNS = {
    "original_digest": "text",
    "allowance_tokens": "integer",
    "pins_digest": "text",
    "summariser": "text",
    "tokenizer": "text",
    "text": "text",
    "digest": "text",
    "tokens": "integer",
    "summarised_by": "text",
    "loss_json": "text",
}
_NEW = KEPT_COLUMNS | {"is_kept": "boolean", "event": "text"}
_NAMES = ", ".join(KEPT_COLUMNS)
_KEEP = f"""
WITH live AS ({_LIVE}
), given AS MATERIALIZED (SELECT t.* FROM {read_lines("summaries", _NEW, "t")}, live
), kept AS (
    INSERT INTO orchestration_summary (project_id, {_NAMES})
    SELECT %(project)s, {_NAMES} FROM given g WHERE g.is_kept ON CONFLICT DO NOTHING
), told AS ({
    insert_event(
        EventKind.SUMMARY_FELL_BACK,
        source="(SELECT l.run_id, l.id, l.attempt, g.event FROM live l, given g WHERE g.event <> '') f",
        data="f.event",
    )
})
SELECT id FROM live
"""


def keep_summaries(claim: Claim, made: Sequence[NewSummary]) -> None:
    """Keep summaries for whoever is to have the same, unless somebody did; the history tells of those that fell back.

    Raises: ClaimLost: the claim passed on; nothing was written.
    """
    parameters = {
        "step": claim.step_id,
        "token": claim.token,
        "project": claim.run.project_id,
        "summaries": dump_line([_describe(one) for one in made]),
    }
    if not fetch_all(_KEEP, parameters):
        raise lost(claim)


def _describe(new: NewSummary) -> dict[str, object]:
    event = canonical({"from": new.sender, "why": new.fell_back}) if new.fell_back else ""
    return describe_kept(new.key, new.handed) | {"is_kept": new.is_kept, "event": event}


BY_STEP = Effect(
    "summaries",
    KEPT_COLUMNS | {"project": "bigint"},
    f"INSERT INTO orchestration_summary (project_id, {_NAMES}) "
    f"SELECT e.project, {', '.join(f'e.{name}' for name in KEPT_COLUMNS)}",
    tail=" ON CONFLICT DO NOTHING",
)
"""The row of a summary that a step made for the one that grew it."""


def describe_kept(key: SummaryKey, handed: Shortened) -> dict[str, object]:
    """Return a summary as a line of `KEPT_COLUMNS`."""
    return asdict(key) | asdict(handed)
