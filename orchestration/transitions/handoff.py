"""Summaries that are kept for whoever is to be handed the same, and told where another was asked for.

Read next: `orchestration/handoff/recording.py`, which writes what each attempt is handed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestration.database.lines import dump_line, read_lines
from orchestration.database.statements import fetch_all
from orchestration.domain.effects import Effect
from orchestration.domain.receipts import canonical
from orchestration.domain.summaries import Shortened, SummaryKey
from orchestration.domain.work import Claim
from orchestration.history import EventKind, insert_event
from orchestration.transitions.vocabulary import is_held_by, lost

# The lock makes whoever would end the attempt meanwhile wait, and then read what was handed.
LIVE_CLAIM = f"""
    SELECT s.id, s.run_id, s.attempt FROM orchestration_step s
    WHERE s.id = %(step)s AND {is_held_by("s", "%(token)s")} FOR SHARE"""


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
_FELL_BACK = "(SELECT l.run_id, l.id, l.attempt, g.event FROM live l, given g WHERE g.event <> '') f"
_TOLD = insert_event(EventKind.SUMMARY_FELL_BACK, source=_FELL_BACK, data="f.event")
_KEEP = f"""
WITH live AS ({LIVE_CLAIM}
), given AS MATERIALIZED (SELECT t.* FROM {read_lines("summaries", _NEW, "t")}, live
), kept AS (
    INSERT INTO orchestration_summary (project_id, {_NAMES})
    SELECT %(project)s, {_NAMES} FROM given g WHERE g.is_kept ON CONFLICT DO NOTHING
), told AS ({_TOLD})
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
