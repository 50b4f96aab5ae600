"""Reading what verifiers said: anything that can't be read as a PASS is a FAIL. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

PASS, FAIL = "PASS", "FAIL"


def read_verdict(output: Any) -> tuple[bool, tuple[str, ...]]:
    """Return whether a verifier passed what it saw, and its reasons.

    Args: output: {"verdict": "PASS" | "FAIL", "reasons": [text, ...]}, or whatever the verifier gave instead.
    """
    if not isinstance(output, dict):
        return False, ("the verifier gave no verdict",)
    given = output.get("reasons", [])
    reasons = tuple(str(reason) for reason in given) if isinstance(given, list) else (str(given),)
    match output.get("verdict"):
        case "PASS":
            return True, reasons
        case "FAIL":
            return False, reasons or ("the verifier gave no reason",)
        case unread:
            return False, (f"the verdict {unread!r:.80} is neither PASS nor FAIL", *reasons)


def tally(passed: Sequence[bool], rule: Literal["all", "majority"]) -> bool:
    """Return whether enough verifiers passed it; nobody asked is not enough, nor is half."""
    if not passed:
        return False
    return all(passed) if rule == "all" else sum(passed) * 2 > len(passed)


@dataclass(frozen=True, slots=True)
class Score:
    """How often a verifier was right about outputs whose worth is known, good ones and bad ones apart."""

    good_passed: int = 0
    good_failed: int = 0
    bad_passed: int = 0
    bad_failed: int = 0

    def count(self, *, is_good: bool, passed: bool) -> "Score":
        """Return the score with one more answer."""
        return Score(
            self.good_passed + (is_good and passed),
            self.good_failed + (is_good and not passed),
            self.bad_passed + (not is_good and passed),
            self.bad_failed + (not is_good and not passed),
        )

    @property
    def false_pass_rate(self) -> float | None:
        """Return which part of the bad outputs it passed; None when it saw none."""
        return _share(self.bad_passed, self.bad_failed)

    @property
    def false_fail_rate(self) -> float | None:
        """Return which part of the good outputs it failed; None when it saw none."""
        return _share(self.good_failed, self.good_passed)


def _share(wrong: int, right: int) -> float | None:
    return wrong / (wrong + right) if wrong + right else None
