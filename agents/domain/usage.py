"""What one call of a model used, as its provider counted. Pure."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

MOST_TEXT: Final = 200
MOST_COUNT: Final = 10**12
"""That one call may state of tokens, or of millionths of a dollar: sums of rows stay whole numbers of the database."""


@dataclass(frozen=True, slots=True)
class CallUsage:
    """What one call used.

    Attributes:
        input_tokens: all that went in, those read from and written to a cache among them; None: not known.
        output_tokens: all that came out, those of reasoning among them; None: not known.
        cost_micro_usd: millionths of a US dollar, rounded up; None: not known.
        provider, model, response_id, finish_reason: in the provider's words, each cut at 200 characters.

    Raises: ValueError: a count is none.
    """

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micro_usd: int | None = None
    provider: str = ""
    model: str = ""
    response_id: str = ""
    finish_reason: str = ""

    def __post_init__(self) -> None:
        """Check the counts; let the texts be such as a row can keep: an answer must not be lost for their sake."""
        for each in fields(self):
            value = getattr(self, each.name)
            if each.type is str or each.type == "str":
                kept = str(value).encode(errors="replace").decode().replace("\x00", "")
                object.__setattr__(self, each.name, kept[:MOST_TEXT])
            elif value is not None and (type(value) is not int or not 0 <= value <= MOST_COUNT):
                raise ValueError(f"{each.name} is a whole number from 0 to {MOST_COUNT:,}: not {value!r:.80}")

    @property
    def tokens(self) -> int | None:
        """Return all tokens, in and out; None: not known."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def cost_usd(self) -> str | None:
        """Return the cost in US dollars as a plain decimal; None: not known."""
        return None if self.cost_micro_usd is None else show_micro_usd(self.cost_micro_usd)

    @property
    def words(self) -> str:
        """Return what was used, as people read it; "" for nothing."""
        told = [
            "" if self.tokens is not None else "tokens not told",
            _count(
                self.input_tokens or 0,
                "tokens in",
                (self.cache_read_tokens, "cached"),
                (self.cache_write_tokens, "to the cache"),
            ),
            _count(self.output_tokens or 0, "tokens out", (self.reasoning_tokens, "reasoning")),
            "" if self.cost_usd is None else f"{self.cost_usd} US dollars",
            "/".join(filter(None, (self.provider, self.model))),
            self.finish_reason and f"finished: {self.finish_reason}",
        ]
        return ", ".join(filter(None, told))


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one call may use at most: stated before it is made, where a budget limits its run.

    Attributes: tokens: those of the input, counted, and the most that may come out.
        micro_usd: what they cost; None: nobody knows the price.
    """

    tokens: int = 0
    micro_usd: int | None = 0

    def __post_init__(self) -> None:
        """Refuse what no pot could count.

        Raises: ValueError: names the field.
        """
        for name in ("tokens", "micro_usd"):
            value = getattr(self, name)
            is_unknown = value is None and name == "micro_usd"
            if not is_unknown and (type(value) is not int or not 0 <= value <= MOST_COUNT):
                raise ValueError(f"{name} is a whole number from 0 to {MOST_COUNT:,}: not {value!r:.80}")


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    """What the budgets above a step leave it, as its last call found it. None: no limit.

    Attributes: usd: US dollars.  is_tight: four fifths of one of them are taken.
    """

    usd: Decimal | None = None
    tokens: int | None = None
    calls: int | None = None
    human_minutes: Decimal | None = None
    is_tight: bool = False


def _count(count: int, what: str, *parts: tuple[int, str]) -> str:
    of_it = ", ".join(f"{part:,} {word}" for part, word in parts if part)
    return (f"{count:,} {what}" + (f" ({of_it})" if of_it else "")) if count else ""


def show_micro_usd(amount: int) -> str:
    """Return millionths of a US dollar as a plain decimal of dollars, with two to six digits after the point."""
    whole, part = divmod(amount, 1_000_000)
    return f"{whole}." + f"{part:06d}".rstrip("0").ljust(2, "0")
