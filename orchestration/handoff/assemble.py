"""Puts together what an attempt receives, and shortens it when it is over the budget."""

from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.module_loading import import_string

from orchestration.conf import get_conf
from orchestration.domain.budget import share_budget
from orchestration.domain.plan import local_name
from orchestration.domain.receipts import HandoffLine, canonical, digest_text
from orchestration.domain.work import Claim, Predecessor
from orchestration.handoff.tokens import count_tokens
from orchestration.transitions.handoff import Summary, record_summaries


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed to an attempt: values by step key, and the lines its receipt commits to."""

    values: dict[str, Any]
    lines: tuple[HandoffLine, ...]


def assemble_handoff(claim: Claim) -> Handed:
    """Return the outputs of the steps a claimed step needs, at most `token_budget` tokens in all.

    What had to be shortened is `{"summary": text, "of": digest of the original}`; its hand-off row says so before
    the agent sees it.

    Raises: BudgetExceeded: not even summaries fit.  ClaimLost: the claim passed on.
    """
    senders = [p for p in claim.predecessors if p.carries_data and not p.is_child]
    allowances = share_budget([p.output_tokens for p in senders], claim.run.token_budget)
    summaries = {
        p.key: _summarise(p, allowance)
        for p, allowance in zip(senders, allowances, strict=True)
        if allowance < p.output_tokens
    }
    if summaries:
        record_summaries(claim, list(summaries.values()))
    texts = {p.key: summaries[p.key].text if p.key in summaries else p.output_json for p in senders}
    return Handed(
        values={local_name(key): orjson.loads(text) for key, text in texts.items()},
        lines=tuple(_line(p, summaries.get(p.key)) for p in senders),
    )


def _summarise(sender: Predecessor, allowance_tokens: int) -> Summary:
    empty = canonical({"summary": "", "of": sender.output_digest})
    summarise = import_string(get_conf().SUMMARISER)
    room = allowance_tokens - count_tokens(empty)
    while True:
        text, name = summarise(orjson.loads(sender.output_json), max(room, 0))
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
