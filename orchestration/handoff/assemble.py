"""Puts together what an attempt receives, and shortens it when it is over its tokens."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.module_loading import import_string

from orchestration.conf import get_conf
from orchestration.counting import count_tokens
from orchestration.domain.plan import local_name
from orchestration.domain.receipts import HandoffLine, canonical, digest_text
from orchestration.domain.sharing import share_tokens
from orchestration.domain.work import Claim, Predecessor, Summary
from orchestration.models import Handoff
from orchestration.selectors.proof import list_summarised
from orchestration.transitions.handoff import record_summaries


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed to an attempt: values by step key, and the lines its receipt commits to."""

    values: dict[str, Any]
    lines: tuple[HandoffLine, ...]


def assemble_handoff(claim: Claim) -> Handed:
    """Return the outputs of the steps a claimed step needs, at most `handoff_tokens` tokens in all.

    What had to be shortened is `{"summary": text, "of": digest of the original}`; its hand-off row says so before
    the agent sees it.

    Raises: HandoffTooLarge: not even summaries fit.  ClaimLost: the claim passed on.
    """
    senders = [p for p in claim.predecessors if p.carries_data and not p.is_child]
    allowances = share_tokens([p.output_tokens for p in senders], claim.run.handoff_tokens)
    shortened = [(p, most) for p, most in zip(senders, allowances, strict=True) if most < p.output_tokens]
    summaries = _shorten(claim, shortened) if shortened else {}
    texts = {p.key: summaries[p.key].text if p.key in summaries else p.output_json for p in senders}
    return Handed(
        values={local_name(key): orjson.loads(text) for key, text in texts.items()},
        lines=tuple(_line(p, summaries.get(p.key)) for p in senders),
    )


def _shorten(claim: Claim, shortened: list[tuple[Predecessor, int]]) -> dict[str, Summary]:
    """Return by sender what is handed instead of its output; the rows say so before the agent sees it.

    A summary is made once. What was handed to the step that grew this one, or to an earlier attempt, is handed again:
    else each of thousands of items would have the same list summarised anew, and maybe in other words.
    """
    known = {(row.from_step_id, row.original_digest): _read(row) for row in list_summarised(claim.step_id)}
    summaries = {}
    for sender, allowance in shortened:
        found = known.get((sender.step_id, sender.output_digest))
        is_fit = found is not None and found.tokens <= allowance
        summaries[sender.key] = found if found and is_fit else _summarise(sender, allowance)
    record_summaries(claim, list(summaries.values()))
    return summaries


def _read(row: Handoff) -> Summary:
    return Summary(row.from_step_id, row.summary_json or "", row.digest, row.tokens_after, row.summarised_by)


def _summarise(sender: Predecessor, allowance_tokens: int) -> Summary:
    empty = canonical({"summary": "", "of": sender.output_digest})
    summarise = import_string(get_conf().SUMMARISER)
    room = allowance_tokens - count_tokens(empty)
    value = orjson.loads(sender.output_json)
    while True:
        text, name = summarise(value, max(room, 0))
        handed = canonical({"summary": text, "of": sender.output_digest})
        tokens = count_tokens(handed)
        # Quoting can cost a few tokens more than the bare text: tighten until the whole fits.
        if tokens <= allowance_tokens or room <= 0:
            return Summary(sender.step_id, handed, digest_text(handed), tokens, name[:100])
        room -= tokens - allowance_tokens


def _line(sender: Predecessor, summary: Summary | None) -> HandoffLine:
    return HandoffLine(
        from_step=sender.key,
        digest=summary.digest if summary else sender.output_digest,
        original_digest=sender.output_digest,
        tokens_before=sender.output_tokens,
        tokens_after=summary.tokens if summary else sender.output_tokens,
        summarised_by=summary.summarised_by if summary else "",
    )
