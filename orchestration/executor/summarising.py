"""A step that makes a summary for the one that grew it: what it is asked, and what becomes of what it says.

It alone is handed the original whole. Where it gives nothing that can be handed over it is skipped, and sentences of
the original are handed instead: no run stops for a summary.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, FailureKind
from agents.selectors import find_contract
from orchestration.conf import get_conf
from orchestration.domain.losses import FALLBACK_WORDS
from orchestration.domain.plan import Growth, LimitExceeded, check_keys
from orchestration.domain.policy import Ending, SummaryUnderWay
from orchestration.domain.summaries import SummaryKey
from orchestration.domain.work import Claim, Facts
from orchestration.handoff import SummariesWanted, count_tokens
from orchestration.handoff.shortening import Original, describe, fall_back, find_flaw, read_original
from orchestration.planning import SummaryWish, plan_summaries
from orchestration.selectors.summaries import find_maker, find_summaries
from orchestration.transitions.handoff import describe_kept
from orchestration.usage import read_used


def find_summariser() -> str:
    """Return the agent that makes summaries, with its version; "" where none does, or this process knows none."""
    agent = get_conf().SUMMARISER_AGENT
    contract = find_contract(agent) if agent else None
    return "" if contract is None else f"{agent.partition('@')[0]}@{contract.version}"


def grow_summaries(claim: Claim, wanted: SummariesWanted) -> Growth | None:
    """Return a step for each summary that nobody made yet; None: their keys would be too long."""
    wishes = [
        SummaryWish(missing.sender.step_id, missing.sender.key, dump_wish(missing.key, missing.pointers))
        for missing in wanted.missing
    ]
    growth = plan_summaries(claim, get_conf().SUMMARISER_AGENT, wishes)
    try:
        check_keys(growth.children)
    except LimitExceeded:
        return None
    return growth


def dump_wish(key: SummaryKey, pointers: tuple[str, ...]) -> str:
    """Return what a step is to summarise: the same text for the same summary."""
    said = {
        "of": key.original_digest,
        "allowance_tokens": key.allowance_tokens,
        "pins": list(pointers),
        "summariser": key.summariser,
        "tokenizer": key.tokenizer,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """The summary that a step is to make."""

    key: SummaryKey
    original: Original

    def ask(self) -> dict[str, Any]:
        """Return what its agent is given."""
        room = self.key.allowance_tokens - count_tokens(self.original.write(""))
        return {
            "value": self.original.value,
            "allowance_tokens": room,
            "pins": dict(self.original.pinned),
        }


def read_wish(claim: Claim) -> Wish:
    """Return what a claimed step is to summarise: what it was grown for, of the one output that it is handed."""
    said = json.loads(claim.item_json or "null")
    [sender] = [before for before in claim.predecessors if before.carries_data]
    original = read_original(sender, said["pins"])
    key = SummaryKey(
        original.digest, said["allowance_tokens"], original.pins_digest, said["summariser"], said["tokenizer"]
    )
    return Wish(key, original)


def find_made(claim: Claim, wish: Wish) -> str | SummaryUnderWay | None:
    """Return the summary if it was made meanwhile, or who is about to make it; None: it is to be made."""
    kept = find_summaries(claim.run.project_id, [wish.key])
    if kept:
        return kept[wish.key].text
    maker = find_maker(claim.run.run_id, claim.step_id, claim.claimed_at, claim.item_json)
    return None if maker is None else SummaryUnderWay(maker)


def take_summary(claim: Claim, wish: Wish, outcome: Ending, facts: Facts) -> tuple[Ending, Facts]:
    """Return what becomes of a summariser's answer: what is handed over, or the failure that it is.

    What its words lost, and what they cost, is kept with it. A text that can't be handed is paid for once all the same:
    under the same key others find the sentences that are handed instead.
    """
    if not isinstance(outcome, Answered):
        return outcome, facts
    said = outcome.output
    text = said.get("text") if isinstance(said, dict) else said
    cost = _count_micro_usd(outcome)
    flaw = find_flaw(wish.original, text, wish.key.allowance_tokens)
    if flaw:
        made = fall_back(wish.original, wish.key.allowance_tokens, flaw, cost).handed
        failed = describe_refusal(
            FailureKind.UNREADABLE,
            FALLBACK_WORDS[flaw],
            outcome.agent,
            agent_version=outcome.agent_version,
        )
        return replace(failed, usage=outcome.usage), replace(facts, summary=_describe(claim, wish, made))
    name = f"{outcome.agent}@{outcome.agent_version}"
    handed = describe(wish.original, str(text), name, cost_micro_usd=cost)
    answer = replace(
        outcome, output=json.loads(handed.text), output_json=handed.text, confidence=None, spawn=None
    )
    return answer, replace(facts, summary=_describe(claim, wish, handed))


def _describe(claim: Claim, wish: Wish, handed: Any) -> Mapping[str, Any]:
    return describe_kept(wish.key, handed) | {"project": claim.run.project_id}


def _count_micro_usd(outcome: Answered) -> int:
    spent = read_used(outcome.usage).line.get("cost_usd")
    return 0 if spent is None else int(Decimal(str(spent)) * 1_000_000)
