"""Puts together what an attempt receives, and shortens it when it is over its tokens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from orchestration.counting import count_tokens
from orchestration.domain.distances import AGED_TOKENS, group_before, measure_age
from orchestration.domain.losses import sum_losses
from orchestration.domain.plan import local_name, name_child
from orchestration.domain.receipts import HandoffLine
from orchestration.domain.sharing import LEAST_SUMMARY_TOKENS, share_tokens
from orchestration.domain.states import StepKind
from orchestration.domain.summaries import Shortened, SummaryKey
from orchestration.domain.work import Claim, Predecessor
from orchestration.errors import HandoffTooLarge
from orchestration.handoff.recording import record_shortened
from orchestration.handoff.shortening import (
    FAILED,
    Original,
    describe_pins,
    fall_back,
    make_summary,
    read_original,
)
from orchestration.handoff.summarisers import name_function
from orchestration.models import Handoff
from orchestration.selectors.before import find_receiver, list_data_edges
from orchestration.selectors.proof import list_summarised
from orchestration.selectors.summaries import find_summaries
from orchestration.transitions.handoff import NewSummary, keep_summaries

# Beside what is pinned there must be room for a sentence.
_LEAST_BESIDE_PINS: Final = 40


@dataclass(frozen=True, slots=True)
class HandoffTerms:
    """What a step is handed things by.

    Attributes: pins: pointers by sender, as the step names it.  summariser: the agent that makes summaries, with its
        version; "": they are made in place.  fresh_steps: what comes from further back is shortened; None: nothing is.
        kept_back: tokens that outputs leave to what else the step is handed where they must be shortened anyhow.
    """

    pins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    summariser: str = ""
    fresh_steps: int | None = None
    kept_back: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """A summary that nobody made yet."""

    sender: Predecessor
    key: SummaryKey
    pointers: tuple[str, ...]


class SummariesWanted(Exception):
    """Steps are to make summaries first."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        """Keep what is missing."""
        super().__init__(f"{len(missing)} summaries are to be made first")
        self.missing = tuple(missing)


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed to an attempt: values by step key, and the lines its receipt commits to.

    Attributes: lost: of all that was shortened together, as expressions read it.
    """

    values: dict[str, Any]
    lines: tuple[HandoffLine, ...]
    lost: dict[str, int]


def assemble_handoff(claim: Claim, terms: HandoffTerms = HandoffTerms()) -> Handed:
    """Return the outputs of the steps a claimed step needs, at most `handoff_tokens` tokens in all.

    What had to be shortened is `{"summary": text, "of": digest of the original, "bytes": its size}`, with what is
    pinned of it under `pinned`; its hand-off row says so before the agent sees it.

    Raises: HandoffTooLarge: not even summaries fit.  ClaimLost: the claim passed on.  SummariesWanted.
    """
    senders = [p for p in claim.predecessors if p.carries_data and not p.is_child]
    allowances = _share(claim, senders, terms)
    large = [(p, most) for p, most in zip(senders, allowances, strict=True) if most < p.output_tokens]
    shortened = _shorten(claim, large, terms) if large else {}
    texts = {p.key: shortened[p.key].text if p.key in shortened else p.output_json for p in senders}
    return Handed(
        values={local_name(key): orjson.loads(text) for key, text in texts.items()},
        lines=tuple(_line(p, shortened.get(p.key)) for p in senders),
        lost=sum_losses(orjson.loads(one.loss_json) for one in shortened.values() if one.loss_json),
    )


def _share(claim: Claim, senders: list[Predecessor], terms: HandoffTerms) -> list[int]:
    """Return how many tokens of each sender's output may pass; what is pinned of it comes first."""
    aged, most = _find_aged(claim, senders, terms), claim.run.handoff_tokens
    tokens = [AGED_TOKENS if p.key in aged else p.output_tokens for p in senders]
    if sum(tokens) > most:
        most -= terms.kept_back
    if not terms.pins or (sum(tokens) <= most and not aged):
        return share_tokens(tokens, most)
    pinning = {p.key: read_original(p, _pins_of(p, terms)) for p in senders if _pins_of(p, terms)}
    least = [
        LEAST_SUMMARY_TOKENS if p.key not in pinning else _measure_least(pinning[p.key]) for p in senders
    ]
    tokens = [
        min(p.output_tokens, max(want, need)) if p.key in aged else want
        for p, want, need in zip(senders, tokens, least, strict=True)
    ]
    try:
        return share_tokens(tokens, most, least)
    except HandoffTooLarge as error:
        pinned = [one for one in pinning.values() if one.pinned]
        if not pinned:
            raise
        raise HandoffTooLarge(describe_pins(max(pinned, key=_measure_least), most)) from error


def _find_aged(claim: Claim, senders: list[Predecessor], terms: HandoffTerms) -> set[str]:
    """Return the senders that are far back and put out much; the plan is read only if there may be one."""
    if terms.fresh_steps is None:
        return set()
    large = [p for p in senders if p.output_tokens > AGED_TOKENS]
    if not large:
        return set()
    before, receiver = group_before(list_data_edges(claim.run.run_id)), find_receiver(claim.step_id)
    return {p.key for p in large if measure_age(before, receiver, p.step_id) > terms.fresh_steps}


def _measure_least(original: Original) -> int:
    return max(LEAST_SUMMARY_TOKENS, count_tokens(original.write("")) + _LEAST_BESIDE_PINS)


def _pins_of(sender: Predecessor, terms: HandoffTerms) -> Sequence[str]:
    return terms.pins.get(local_name(sender.key), ())


def _shorten(claim: Claim, large: list[tuple[Predecessor, int]], terms: HandoffTerms) -> dict[str, Shortened]:
    """Return by sender what is handed instead of its output; the rows say so before the agent sees it.

    What was handed to the step that grew this one, or to an earlier attempt, is handed again; and a summary that was
    made for anybody is handed to everybody who is to have the same in as many tokens.
    """
    known = {(row.from_step_id, row.original_digest): row for row in list_summarised(claim.step_id)}
    found: dict[str, Shortened] = {}
    unknown: list[tuple[Predecessor, int]] = []
    for sender, allowance in large:
        row = known.get((sender.step_id, sender.output_digest))
        if row is not None and row.tokens_after <= allowance:
            found[sender.key] = _read(row)
        else:
            unknown.append((sender, allowance))
    if unknown:
        found |= _find_or_make(claim, unknown, terms)
    record_shortened(claim, {sender.step_id: found[sender.key] for sender, _ in large})
    return found


def _find_or_make(
    claim: Claim, wanted: list[tuple[Predecessor, int]], terms: HandoffTerms
) -> dict[str, Shortened]:
    """Return summaries from their rows, and make and keep those that are not there."""
    summariser = terms.summariser or name_function()
    originals = {sender.key: read_original(sender, _pins_of(sender, terms)) for sender, _ in wanted}
    keys = {sender.key: originals[sender.key].make_key(most, summariser) for sender, most in wanted}
    kept = find_summaries(claim.run.project_id, keys.values())
    missing = [(sender, most) for sender, most in wanted if keys[sender.key] not in kept]
    if terms.summariser:
        asked = [sender for sender, _ in missing if not _was_asked(claim, sender)]
        if asked:
            raise SummariesWanted([Missing(s, keys[s.key], tuple(_pins_of(s, terms))) for s in asked])
        new = {s.key: fall_back(originals[s.key], most, FAILED) for s, most in missing}
    else:
        new = {s.key: make_summary(originals[s.key], most) for s, most in missing}
    if new:
        keep_summaries(
            claim,
            [
                NewSummary(key, keys[key], made.handed, made.fell_back, is_kept=made.is_kept)
                for key, made in new.items()
            ],
        )
        # Of two who made one at once, the first one's counts.
        kept |= find_summaries(claim.run.project_id, (keys[key] for key in new))
    return {key: kept[wish] if wish in kept else new[key].handed for key, wish in keys.items()}


def _was_asked(claim: Claim, sender: Predecessor) -> bool:
    """Tell whether a step of this generation was to summarise an output, and gave nothing."""
    key = name_child(claim.key, claim.revision, StepKind.SUMMARY, 0, local_name(sender.key))
    return any(p.is_child and p.key.partition(".")[0] == key.partition(".")[0] for p in claim.predecessors)


def _read(row: Handoff) -> Shortened:
    return Shortened(
        row.summary_json or "", row.digest, row.tokens_after, row.summarised_by, row.loss_json or ""
    )


def _line(sender: Predecessor, shortened: Shortened | None) -> HandoffLine:
    return HandoffLine(
        from_step=sender.key,
        digest=shortened.digest if shortened else sender.output_digest,
        original_digest=sender.output_digest,
        tokens_before=sender.output_tokens,
        tokens_after=shortened.tokens if shortened else sender.output_tokens,
        summarised_by=shortened.summarised_by if shortened else "",
        loss_json=shortened.loss_json or None if shortened else None,
    )
