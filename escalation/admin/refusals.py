"""What is otherwise than a reviewer thought, in words for the page that refuses their decision."""

from typing import Final

_WORDS: Final = {
    "claim": "Claim",
    "claimed_by": "Held by",
    "claim_expires_at": "Your claim",
    "digest": "What is judged (fingerprint)",
    "status": "Ticket",
    "decision": "Decision",
    "decided_by": "Decided by",
    "decided_at": "Decided at",
}
_LONGEST: Final = 40


def tell_changed(error: Exception) -> list[tuple[str, str, str]]:
    """Return what a refusal says has changed: (what, as the person knew it, as it is now)."""
    return [
        (_WORDS.get(one.what, one.what), _say(one.yours), _say(one.now))
        for one in getattr(error, "changed", ())
    ]


def _say(value: object) -> str:
    return "none" if value is None else str(value).replace("_", " ")[:_LONGEST]
