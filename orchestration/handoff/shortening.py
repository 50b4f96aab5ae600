"""One original made short: what is pinned of it verbatim, and a summary that may add nothing.

Whoever wrote a summary, it is looked at before anybody is handed it; where it is no good, the sentences of the original
that carry most are handed instead. Read next: `orchestration/domain/losses.py`, which counts what is missing then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from agents.domain.classification import describe_error
from agents.errors import UnreadableOutput
from orchestration.conf import get_conf
from orchestration.counting import count_tokens
from orchestration.domain.losses import dump_loss, find_invented, measure_loss
from orchestration.domain.pointers import resolve_pointer
from orchestration.domain.receipts import canonical, digest_text, digest_value
from orchestration.domain.summaries import Shortened, SummaryKey
from orchestration.domain.work import Predecessor
from orchestration.errors import HandoffTooLarge
from orchestration.handoff.summarisers import EXTRACTIVE, is_own, load_function, load_own

log = structlog.get_logger(__name__)
_TIGHTER: Final = 3
"""So often a function is asked for less when what it gave is too long; quoting costs tokens that it can't know of."""
FAILED: Final = "failed"
"""Why a summary was not taken, if its maker could not make one; another time it may."""
_ASKED: Final = "allowance_tokens"
"""What a summariser is asked with; a text that says so repeats its prompt."""


@dataclass(frozen=True, slots=True)
class Original:
    """An output that must be shortened. `pinned`: what stands verbatim beside its summary, by pointer."""

    key: str
    value: Any
    digest: str
    bytes: int
    pinned: Mapping[str, Any]
    pins_digest: str

    def write(self, summary: str) -> str:
        """Return what is handed instead of it, as canonical JSON."""
        pinned = {"pinned": self.pinned} if self.pinned else {}
        return canonical({"of": self.digest, "bytes": self.bytes, "summary": summary} | pinned)

    def make_key(self, allowance_tokens: int, summariser: str) -> SummaryKey:
        """Return what a summary of it is kept under."""
        tokenizer = get_conf().TOKENIZER
        return SummaryKey(self.digest, allowance_tokens, self.pins_digest, summariser, tokenizer)


@dataclass(frozen=True, slots=True)
class Made:
    """A summary that was just made. `fell_back`: why it is not the one that was asked for; "" if it is."""

    handed: Shortened
    fell_back: str = ""

    @property
    def is_kept(self) -> bool:
        """Return whether others are handed it too: not if the same may be made better another time."""
        return self.fell_back != FAILED


def read_original(sender: Predecessor, pointers: Sequence[str]) -> Original:
    """Return a step's output with what is pinned of it; a pointer that leads to nothing pins nothing."""
    value = orjson.loads(sender.output_json)
    pinned = {}
    for pointer in pointers:
        try:
            pinned[pointer] = resolve_pointer(value, pointer)
        except LookupError:
            continue
    return Original(
        key=sender.key,
        value=value,
        digest=sender.output_digest,
        bytes=len(sender.output_json.encode()),
        pinned=pinned,
        pins_digest=digest_value(sorted(pointers)) if pointers else "",
    )


def read_text(key: str, text_json: str) -> Original:
    """Return a value that is no output, given as canonical JSON; one that is nested too deep is taken as its text."""
    value = orjson.loads(text_json)
    try:
        canonical(value)
    except UnreadableOutput:
        value = text_json
    return Original(key, value, digest_text(text_json), len(text_json.encode()), {}, "")


def make_summary(original: Original, allowance_tokens: int) -> Made:
    """Return what is handed of an original in at most so many tokens, by the configured function or our own.

    Raises: HandoffTooLarge: not even what is pinned fits.
    """
    if is_own():
        return Made(extract(original, allowance_tokens))
    text, name, flaw = _ask_function(original, allowance_tokens)
    if flaw:
        return fall_back(original, allowance_tokens, flaw)
    return Made(describe(original, text, name))


def fall_back(original: Original, allowance_tokens: int, flaw: str, cost_micro_usd: int = 0) -> Made:
    """Return our own summary, because another was no good."""
    log.warning("summary_fell_back", sender=original.key, why=flaw)
    return Made(extract(original, allowance_tokens, flaw, cost_micro_usd), flaw)


def find_flaw(original: Original, text: Any, allowance_tokens: int) -> str:
    """Return why a text can't be handed as a summary, in a word that tells nothing of the content; "" if it can."""
    if not isinstance(text, str):
        return "no_text"
    if not text.strip():
        return "empty"
    try:
        handed = original.write(text)
    except UnreadableOutput:
        return "no_text"
    if count_tokens(handed) > allowance_tokens:
        return "too_long"
    if _ASKED in text and _ASKED not in canonical(original.value):
        return "repeats_prompt"
    return "invented_numbers" if find_invented(original.value, text) else ""


def describe(
    original: Original, text: str, name: str, *, cost_micro_usd: int = 0, flaw: str = ""
) -> Shortened:
    """Return a summary with what it lost."""
    handed = original.write(text)
    loss = measure_loss(original.value, text, original.pinned)
    return Shortened(
        text=handed,
        digest=digest_text(handed),
        tokens=count_tokens(handed),
        summarised_by=name[:100],
        loss_json=dump_loss(loss, cost_micro_usd=cost_micro_usd, fell_back=flaw),
    )


def extract(original: Original, allowance_tokens: int, flaw: str = "", cost_micro_usd: int = 0) -> Shortened:
    """Return our own summary, in at most so many tokens with all that stands around it."""
    room = allowance_tokens - count_tokens(original.write(""))
    if room < 0:
        raise HandoffTooLarge(describe_pins(original, allowance_tokens))
    summarise = load_own()
    text = ""
    while room > 0:
        text, _ = summarise(original.value, room)
        over = count_tokens(original.write(text)) - allowance_tokens
        if over <= 0:
            break
        # Quoting costs some tokens more than the bare text: tighten until the whole fits.
        room, text = room - over, ""
    return describe(original, text, EXTRACTIVE, cost_micro_usd=cost_micro_usd, flaw=flaw)


def describe_pins(original: Original, most: int) -> str:
    """Return why what is pinned of an original can't be handed, naming its largest pin."""
    if not original.pinned:
        return f"{most} tokens have no room for a summary of '{original.key}'; raise HANDOFF_TOKENS"
    sizes = {pointer: count_tokens(canonical(value)) for pointer, value in original.pinned.items()}
    largest = max(sizes, key=sizes.__getitem__)
    return (
        f"what is pinned of '{original.key}' does not fit into {most} tokens: '{largest}' alone has "
        f"{sizes[largest]}; pin less of it, or raise HANDOFF_TOKENS"
    )


def _ask_function(original: Original, allowance_tokens: int) -> tuple[str, str, str]:
    """Return the text of the configured function, its name, and what is wrong with it."""
    room = allowance_tokens - count_tokens(original.write(""))
    flaw = "too_long"
    for _ in range(_TIGHTER):
        try:
            text, name = load_function()(original.value, max(room, 0))
        except Exception as error:  # noqa: BLE001 - anybody's code; a run never stops for a summary
            log.warning("summariser_failed", sender=original.key, error=describe_error(error))
            return "", "", FAILED
        flaw = find_flaw(original, text, allowance_tokens)
        if flaw != "too_long" or not room:
            return text, str(name), flaw
        room = max(0, room - (count_tokens(original.write(text)) - allowance_tokens))
    return "", "", flaw
