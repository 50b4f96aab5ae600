"""From a score, or a person's word, to a verdict; and what a verifier checks before it counts. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FRAUD, LEGIT = "fraud", "legit"
VERDICTS: Final = (FRAUD, LEGIT)

# Below, a payment goes through; from the second on it is fraud; between them a person says what it is.
GREY_FROM: Final = 0.15
FRAUD_FROM: Final = 0.7
# The card is blocked while a person looks when it is as likely fraud as not.
BLOCK_FROM: Final = 0.5


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of a payment."""

    verdict: str
    note: str = ""


def read_word(review: Any) -> Word | None:
    """Return what a person said, None when nobody was asked or the question was skipped.

    Raises: ValueError: it is no answer; names the field.
    """
    if review is None:
        return None
    if not isinstance(review, Mapping) or review.get("verdict") not in VERDICTS:
        raise ValueError(f"review.verdict is {review!r:.80}: give an object with verdict fraud or legit")
    return Word(str(review["verdict"]), str(review.get("note", "")))


def judge(score: Mapping[str, Any], word: Word | None) -> dict[str, Any]:
    """Return the verdict with its reasons; a person's word counts more than any score.

    Raises: ValueError: the score is in the grey zone and nobody said anything.
    """
    reasons = [f"{part['step']}.{part['name']} = {part['value']:g}" for part in score["because"]]
    said_by = "person" if word else str(score["scored_by"])
    if word is not None:
        verdict = word.verdict
        reasons = [word.note, *reasons] if word.note else reasons
    elif is_grey(score["score"]):
        raise ValueError(f"a score of {score['score']} is in the grey zone: a person must say what it is")
    else:
        verdict = FRAUD if score["score"] >= FRAUD_FROM else LEGIT
    return {"verdict": verdict, "said_by": said_by, "score": score["score"], "reasons": reasons}


def is_grey(score: float) -> bool:
    """Tell whether a person must look."""
    return GREY_FROM <= score < FRAUD_FROM


def find_faults(verdict: Mapping[str, Any], handed: Mapping[str, Any]) -> list[str]:
    """Return why a verdict can't stand beside what the steps before it found; nothing when it can."""
    return list(_check(verdict, handed))


def _check(verdict: Mapping[str, Any], handed: Mapping[str, Any]) -> Iterator[str]:
    score, word = handed["score"], read_word(handed.get("review"))
    if verdict["verdict"] not in VERDICTS:
        yield f"{verdict['verdict']!r} is no verdict"
    if word is not None and verdict["verdict"] != word.verdict:
        yield f"a person said {word.verdict}"
    if word is None and is_grey(score["score"]):
        yield f"nobody looked at a score of {score['score']}"
    if word is None and (verdict["verdict"] == FRAUD) != (score["score"] >= FRAUD_FROM):
        yield f"{verdict['verdict']} does not follow from a score of {score['score']}"
    for part in score["because"]:
        found = handed[part["step"]].get(part["name"])
        if found is None or float(found) != part["value"]:
            yield f"the score rests on {part['step']}.{part['name']} = {part['value']:g}, the step found {found}"
