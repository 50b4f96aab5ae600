"""Reading what verifiers said: anything that can't be read as a PASS is a FAIL. Pure."""

from collections.abc import Sequence
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
