"""What a summary lost of its original, counted by rules that anybody can repeat. Pure.

A leaf is a text, a number, true, false or null. It is kept if it stands in what was handed over: a text as it is but
for blanks, a number in whatever form (`1,200.50` is `1200.5`). An identifier is a word that has letters and digits, or
an `@`. Numbers that are written as words are not seen. Read next: `orchestration/handoff/shortening.py`.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from agents.domain.canonical import canonical_record

MEASURE: Final = 1
"""Of the rules by which losses are counted; a row says by which it was."""

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_WORD: Final = re.compile(r"[^\s\"'<>(),;|]+")
_ENDS: Final = ".:!?[]{}*`"
# Where the summary by sentences tells a place in a list: no number of the original.
_PLACE: Final = re.compile(r"(?:(?<=[\w\]])|^)\[\d+\]", re.MULTILINE)
_SAID: Final[Mapping[Any, frozenset[str]]] = {
    True: frozenset({"true"}),
    False: frozenset({"false"}),
    None: frozenset({"null", "none"}),
}
# A mebibyte may have hundreds of thousands of different texts; each further one counts as lost.
_MOST_SOUGHT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Loss:
    """What was lost, as counts.

    Attributes: leaves: of the original.  kept: of them, pinned ones included.  pinned: that were handed verbatim.
        numbers, identifiers: different ones in the original; missing_numbers, missing_identifiers: of them.
    """

    leaves: int
    kept: int
    pinned: int
    numbers: int
    missing_numbers: int
    identifiers: int
    missing_identifiers: int


def measure_loss(value: Any, summary: str, pinned: Mapping[str, Any]) -> Loss:
    """Return what a summary and the pinned values beside it lost of a JSON value."""
    leaves = list(_list_leaves(value))
    handed = _Handed(summary, list(_list_leaves(list(pinned.values()))))
    texts = [leaf for leaf in leaves if isinstance(leaf, str)]
    identifiers = {word for text in texts for word in _find_identifiers(text)}
    numbers = {
        form
        for leaf in leaves
        for form in (
            _find_numbers(_leave_identifiers(leaf)) if isinstance(leaf, str) else _write_number(leaf)
        )
    }
    return Loss(
        leaves=len(leaves),
        kept=sum(handed.has(leaf) for leaf in leaves),
        pinned=handed.pinned,
        numbers=len(numbers),
        missing_numbers=len(numbers - handed.numbers),
        identifiers=len(identifiers),
        missing_identifiers=sum(not handed.has_text(word) for word in identifiers),
    )


def find_invented(value: Any, text: str) -> frozenset[str]:
    """Return the numbers in a text that stand nowhere in a JSON value, its names included."""
    known: set[str] = set()
    for part in _list_all(value):
        known |= _find_numbers(part) if isinstance(part, str) else _write_number(part)
    return frozenset(_find_numbers(text) - known)


def dump_loss(loss: Loss, *, cost_micro_usd: int = 0, fell_back: str = "") -> str:
    """Return a loss as its row has it: canonical JSON.

    Args: cost_micro_usd: of the summary, for whoever made it first.  fell_back: why another summary was not taken.
    """
    return canonical_record(
        asdict(loss) | {"measure": MEASURE, "cost_micro_usd": cost_micro_usd, "fell_back": fell_back}
    )


SUMMED: Final = tuple(Loss.__dataclass_fields__)
"""The counts of a loss, in the order in which people read them."""


def sum_losses(losses: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the losses of all hand-offs to a step together, as expressions read them under `summary`."""
    told = list(losses)
    return {"shortened": len(told)} | {name: sum(int(one[name]) for one in told) for name in SUMMED}


class _Handed:
    """What was handed over instead of an original, ready to be asked what stands in it."""

    def __init__(self, summary: str, pinned: list[Any]) -> None:
        said = _PLACE.sub("", summary)
        texts = [leaf for leaf in pinned if isinstance(leaf, str)]
        self.pinned = len(pinned)
        self.numbers = _find_numbers("\n".join([said, *texts]))
        for leaf in pinned:
            self.numbers |= set() if isinstance(leaf, str) else _write_number(leaf)
        self._text = "\n".join(map(_squeeze, [summary, *texts]))
        self._words = frozenset(re.findall(r"[a-z]+", said.lower()))
        self._bare = {str(leaf).lower() for leaf in pinned if leaf is None or isinstance(leaf, bool)}
        self._known: dict[str, bool] = {}

    def has(self, leaf: Any) -> bool:
        if isinstance(leaf, str):
            return self.has_text(leaf)
        if leaf is None or isinstance(leaf, bool):
            return not _SAID[leaf].isdisjoint(self._words | self._bare)
        return _write_number(leaf) <= self.numbers

    def has_text(self, text: str) -> bool:
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _MOST_SOUGHT:
                return False
            found = self._known[text] = _squeeze(text) in self._text
        return found


def _list_leaves(value: Any) -> Iterator[Any]:
    return (part for part in _walk(value, names=False))


def _list_all(value: Any) -> Iterator[Any]:
    return _walk(value, names=True)


def _walk(value: Any, *, names: bool) -> Iterator[Any]:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if names:
                yield from one
            rest += one.values()
        elif isinstance(one, list):
            rest += one
        else:
            yield one


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _find_identifiers(text: str) -> Iterator[str]:
    for found in _WORD.findall(text):
        word = found.strip(_ENDS)
        if 2 < len(word) <= 200 and _is_identifier(word):
            yield word


def _is_identifier(word: str) -> bool:
    return "@" in word or (any(map(str.isdigit, word)) and any(map(str.isalpha, word)))


def _leave_identifiers(text: str) -> str:
    return _WORD.sub(lambda found: " " if _is_identifier(found[0].strip(_ENDS)) else found[0], text)


def _find_numbers(text: str) -> set[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return {_norm(found) for found in _NUMBER.findall(text)}


def _write_number(leaf: Any) -> set[str]:
    return set() if leaf is None or isinstance(leaf, bool) else _find_numbers(repr(leaf))


def _norm(found: str) -> str:
    """Return a number in the form in which it is compared."""
    if not found.isascii():
        found = "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in found)
    if _GROUPED.fullmatch(found):
        found = found.replace(",", "")
    base, e, power = found.lower().partition("e")
    if base.count(".") == 1 and "," not in base:
        base = base.rstrip("0").rstrip(".")
    return f"{base.lstrip('0') or '0'}{e}{power and int(power)}"


FALLBACK_WORDS: Final[Mapping[str, str]] = {
    "invented_numbers": "the summary had numbers that the original has not",
    "too_long": "the summary was too long",
    "empty": "the summary was empty",
    "no_text": "the summary was no text",
    "repeats_prompt": "the summary repeated what its maker was asked",
    "failed": "its maker failed",
}
"""Why a summary was not taken, in words for people."""


def tell_loss(loss: Mapping[str, Any]) -> str:
    """Return a loss in words."""
    parts = [f"{loss['kept']:,} of {loss['leaves']:,} values kept"]
    if loss["pinned"]:
        parts[0] += f", {loss['pinned']:,} of them pinned"
    parts += [
        f"{loss[f'missing_{name}']:,} of {loss[name]:,} {name} missing"
        for name in ("numbers", "identifiers")
        if loss[name]
    ]
    if loss["fell_back"]:
        parts.append(FALLBACK_WORDS.get(loss["fell_back"], loss["fell_back"]))
    return "; ".join(parts)
