"""A step that makes a summary for the one that grew it: what it is asked, and what becomes of what it says.

It alone is handed the original whole. Where it gives nothing that can be handed over it is skipped, and sentences of
the original are handed instead: no run stops for a summary.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from agents.domain.classification import describe_refusal
from agents.domain.invocation import Answered, FailureKind
from agents.selectors import find_contract
from orchestration.conf import get_conf
from orchestration.domain.losses import FALLBACK_WORDS
from orchestration.domain.plan import Growth, LimitExceeded, check_keys
from orchestration.domain.policy import Ending, SummaryUnderWay
from orchestration.domain.summaries import SummaryKey
from orchestration.domain.work import Claim, Facts
from orchestration.executor.awaiting import Ask
from orchestration.handoff import SummariesWanted, count_tokens
from orchestration.handoff.shortening import (
    Original,
    describe,
    fall_back,
    find_flaw,
    make_summary,
    read_original,
    read_text,
)
from orchestration.handoff.summarisers import name_function
from orchestration.planning import SummaryWish, plan_summaries
from orchestration.selectors.summaries import find_maker, find_summaries
from orchestration.transitions.handoff import NewSummary, describe_kept, keep_summaries
from orchestration.usage import read_used

CONVERSATION: Final = "the conversation"
"""What stands for a sender where a model's own conversation is told in short."""


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


def compact(ask: Ask, said_json: str, allowance_tokens: int) -> dict[str, Any]:
    """Return what a model's conversation was about in at most so many tokens, and what that lost.

    As summaries of outputs are: looked at first, and kept for whoever is to tell the same in as many tokens.
    """
    original = read_text(CONVERSATION, said_json)
    key = original.make_key(allowance_tokens, name_function())
    kept = ask(lambda claim: find_summaries(claim.run.project_id, [key]))
    if key not in kept:
        made = make_summary(original, allowance_tokens)
        new = NewSummary(CONVERSATION, key, made.handed, made.fell_back, is_kept=made.is_kept)
        ask(lambda claim: keep_summaries(claim, [new]))
        # Of two who made one at once, the first one's counts.
        kept = {key: made.handed} | ask(lambda claim: find_summaries(claim.run.project_id, [key]))
    handed = kept[key]
    said: dict[str, Any] = json.loads(handed.text)
    return said | {"by": handed.summarised_by, "loss": json.loads(handed.loss_json)}
