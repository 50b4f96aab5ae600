"""The run so far, as a text: what is near whole where it fits, what is further back in a line each.

Made when somebody asks for it, and of nothing but what stands before the step along data, so that it is the same for
every attempt.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import orjson

from orchestration.counting import count_tokens
from orchestration.domain.distances import group_before, measure_distances
from orchestration.domain.sharing import LEAST_SUMMARY_TOKENS
from orchestration.domain.work import Claim
from orchestration.handoff.summarisers import load_own
from orchestration.selectors.before import StepBefore, find_receiver, list_data_edges, list_done, read_output

_MOST_STEPS: Final = 300
_LINE_CHARACTERS: Final = 160


@dataclass(frozen=True, slots=True)
class _Told:
    step: StepBefore
    text: str
    is_near: bool


def write_digest(claim: Claim, room: int, fresh_steps: int, handed: Collection[int]) -> str:
    """Return the run so far in at most `room` tokens, the oldest first.

    Args: handed: steps whose output the step is handed as such; they are only named.
    """
    distances = measure_distances(
        group_before(list_data_edges(claim.run.run_id)), find_receiver(claim.step_id)
    )
    done = sorted(list_done(distances.keys()), key=lambda step: (distances[step.pk], -step.position))
    told = [_tell(step, handed, is_near=distances[step.pk] <= fresh_steps) for step in done[:_MOST_STEPS]]
    while told and count_tokens(_join(told, len(done))) > room:
        told.pop()
    for place, one in enumerate(told):
        if one.is_near:
            left = room - count_tokens(_join(told, len(done))) + count_tokens(one.text)
            told[place] = _widen(one, left)
            if count_tokens(_join(told, len(done))) > room:
                told[place] = one
    return _join(told, len(done)) if told else ""


def _tell(step: StepBefore, handed: Collection[int], *, is_near: bool) -> _Told:
    name = f"{step.key} ({step.agent})" if step.agent else step.key
    if step.pk in handed:
        return _Told(step, f"{name}: handed over", is_near=False)
    beginning = " ".join(step.beginning.split())
    cut = beginning if len(beginning) <= _LINE_CHARACTERS else f"{beginning[: _LINE_CHARACTERS - 1]}…"
    return _Told(step, f"{name}: {cut}", is_near=is_near)


def _widen(one: _Told, left: int) -> _Told:
    """Return a near step whole, or in sentences of it, in at most so many tokens."""
    name = one.text.partition(": ")[0]
    if one.step.output_tokens <= left:
        return _Told(one.step, f"{name}: {read_output(one.step.pk)}", is_near=True)
    share = left // 2
    if share < LEAST_SUMMARY_TOKENS:
        return one
    said, _ = load_own()(orjson.loads(read_output(one.step.pk)), share)
    return _Told(one.step, f"{name}, in short: {said}", is_near=True)


def _join(told: list[_Told], number: int) -> str:
    more = [] if len(told) == number else [f"({number - len(told):,} steps before these)"]
    return "\n".join([*more, *(one.text for one in reversed(told))])
