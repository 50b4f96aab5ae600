"""What a run tree may use: a budget as people write it, and whether something fits into its pots. Pure.

Read next: `orchestration/budgets/` and docs/adr/0041.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from agents.domain.usage import BudgetLeft, Reservation, show_micro_usd
from orchestration.domain.receipts import canonical
from orchestration.errors import InputInvalid

MICRO: Final = 1_000_000
MOST: Final = 10**15
"""Of a limit in its smallest unit: a thousand million dollars."""
TIGHT_PERCENT: Final = 80
_MOST_DIGITS: Final = 30
_USD: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


class Unit(StrEnum):
    """What a pot counts, in whole numbers."""

    MICRO_USD = "micro_usd"
    TOKENS = "tokens"
    CALLS = "calls"
    HUMAN_SECONDS = "human_seconds"


FIELDS: Final[Mapping[Unit, str]] = {
    Unit.MICRO_USD: "usd",
    Unit.TOKENS: "tokens",
    Unit.CALLS: "calls",
    Unit.HUMAN_SECONDS: "human_minutes",
}
"""How people write an amount of each unit."""


def _read_usd(value: object) -> object:
    text = _write_usd(value)
    if value is None or (isinstance(text, str) and _USD.fullmatch(text)):
        return text
    raise ValueError(
        f'{_quote(value)} is no amount of dollars; write it as text with at most 6 decimals, such as "2.00"'
    )


def _write_usd(value: object) -> object:
    """Return a number that can be an amount as text; written out, what has a great exponent is of any length."""
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS else None
    return str(value) if type(value) is int and abs(value) <= MOST else value


def _read_count(value: object) -> object:
    if value is None or (type(value) is int and 0 <= value <= MOST // 60):
        return value
    raise ValueError(f"{_quote(value)} must be a whole number from 0 to {MOST // 60}, such as 400000")


def _quote(value: object) -> str:
    is_long = type(value) is int and abs(value) > MOST * MOST
    return "a number of so many digits" if is_long else f"{value!r:.40}"


_Usd = Annotated[str | None, BeforeValidator(_read_usd)]
_Count = Annotated[int | None, BeforeValidator(_read_count)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Budget:
    """What a run, or a step, may use at most, with all below it. What is not named has no limit.

    Attributes: usd: money, as text: "2.00".  tokens: in and out of models.  calls: calls in the journal.
        human_minutes: people's time with its tickets; it is booked and told, and never stops anything.
    """

    usd: _Usd = field(default=None)
    tokens: _Count = field(default=None)
    calls: _Count = field(default=None)
    human_minutes: _Count = field(default=None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.limits:
            raise ValueError("name at least one of usd, tokens, calls and human_minutes")
        return self

    @property
    def limits(self) -> dict[str, int]:
        """Return the limit of each unit that has one."""
        given = {
            Unit.MICRO_USD: None if self.usd is None else int(Decimal(self.usd) * MICRO),
            Unit.TOKENS: self.tokens,
            Unit.CALLS: self.calls,
            Unit.HUMAN_SECONDS: None if self.human_minutes is None else self.human_minutes * 60,
        }
        return {unit: limit for unit, limit in given.items() if limit is not None}


_ADAPTER: Final = TypeAdapter(Budget)


def read_budget(value: Budget | Mapping[str, Any] | None) -> Budget | None:
    """Return a budget from its JSON form; a budget, and none, are passed on.

    Raises: InputInvalid: every fault, by field.
    """
    if value is None or isinstance(value, Budget):
        return value
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        faults = [
            f"{'.'.join(['budget', *map(str, fault['loc'])])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise InputInvalid("\n".join(faults)) from error


def write_question(unit: Unit, needed: int, left: int, reason: str) -> str:
    """Return what a ticket shows of a budget that leaves too little: `question` in words, `form` for how much more."""
    missing = needed - left
    name = FIELDS[unit]
    amount: dict[str, Any] = {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST // 60,
        "title": "How much more",
    }
    if unit is Unit.MICRO_USD:
        amount = {"type": "string", "pattern": f"^{_USD.pattern}$", "title": "US dollars more, such as 1.00"}
    asked = {
        "type": "object",
        "properties": {name: amount},
        "required": [name],
        "additionalProperties": False,
    }
    return canonical(
        {
            "question": f"The step stopped: {reason}. At least {show_amount(unit, missing)} more: how much?",
            "form": asked,
            "budget": {"unit": unit, "needed": needed, "left": left, "missing": missing},
        }
    )


def describe_top_up(
    budget: Budget, *, step: str | None, key: str | None, by: str | None, ticket: str | None = None
) -> str:
    """Return what the history tells of a top-up."""
    added = {unit: show_amount(Unit(unit), amount) for unit, amount in budget.limits.items()}
    told = {"added": added, "amounts": budget.limits, "step": step, "key": key, "by": by}
    return canonical(told if ticket is None else told | {"ticket": ticket})


class PotState(NamedTuple):
    """A pot as it stands under its lock."""

    id: int
    unit: Unit
    limit: int
    reserved: int
    spent: int
    lost: int
    overrun: int
    is_told: bool

    @property
    def left(self) -> int:
        """Return what is neither spent nor lost nor reserved."""
        return self.limit - self.spent - self.lost - self.reserved

    @property
    def is_used_up(self) -> bool:
        """Return whether nothing is left of it."""
        return self.left <= 0

    @property
    def word(self) -> str:
        """Return how little is left, in a word; "" if that is not worth one."""
        return "used up" if self.is_used_up else "tight" if self.is_tight() else ""

    def is_tight(self, more: int = 0) -> bool:
        """Return whether four fifths of it are taken."""
        return (self.limit - self.left + more) * 100 >= self.limit * TIGHT_PERCENT


class Short(NamedTuple):
    """A pot that something does not fit into.

    Attributes: left: once all that is reserved has been given back, less what was billed beyond the limit.
    """

    pot: int
    unit: Unit
    needed: int
    left: int

    def with_calls(self, under_way: int) -> Self:
        """Return the same where its own step has so many calls under way: what they took comes back to be taken again.

        Those around the call are withdrawn and made once more with it; the others are counted for good.
        """
        return self._replace(needed=self.needed + under_way) if self.unit is Unit.CALLS else self

    @property
    def fits_later(self) -> bool:
        """Return whether it fits as soon as what is reserved was given back."""
        return self.needed <= self.left

    @property
    def words(self) -> str:
        """Return what is missing, for a person."""
        needed, left = show_amount(self.unit, self.needed), show_amount(self.unit, max(self.left, 0))
        if self.fits_later:
            return f"its next call may need {needed}, and calls under way have reserved what is left of the budget"
        return f"its next call may need {needed}, and {left} are left of the budget"


def count_needed(unit: Unit, reservation: Reservation) -> int:
    """Return what one call takes of a pot at most."""
    match unit:
        case Unit.MICRO_USD:
            return reservation.micro_usd or 0
        case Unit.TOKENS:
            return reservation.tokens
        case Unit.CALLS:
            return 1
        case Unit.HUMAN_SECONDS:
            return 0


def find_short(pots: Iterable[PotState], reservation: Reservation) -> Short | None:
    """Return the pot that a call does not fit into: rather one in which it never will than one that it can wait for."""
    short = [
        Short(pot.id, pot.unit, needed, pot.left + pot.reserved - pot.overrun)
        for pot in pots
        if (needed := count_needed(pot.unit, reservation)) > pot.left
    ]
    return min(short, key=lambda one: (one.fits_later, one.pot), default=None)


def describe_left(pots: Iterable[PotState]) -> BudgetLeft:
    """Return what pots leave a step: of each unit the least."""
    left: dict[Unit, int] = {}
    is_tight = False
    for pot in pots:
        left[pot.unit] = min(pot.left, left.get(pot.unit, pot.left))
        is_tight = is_tight or pot.is_tight()
    usd, seconds = left.get(Unit.MICRO_USD), left.get(Unit.HUMAN_SECONDS)
    return BudgetLeft(
        usd=None if usd is None else Decimal(show_micro_usd(usd)),
        tokens=left.get(Unit.TOKENS),
        calls=left.get(Unit.CALLS),
        human_minutes=None if seconds is None else Decimal(seconds) / 60,
        is_tight=is_tight,
    )


def show_amount(unit: Unit, amount: int) -> str:
    """Return an amount as people read it."""
    match unit:
        case Unit.MICRO_USD:
            return f"{show_micro_usd(amount)} US dollars"
        case Unit.TOKENS:
            return f"{amount:,} tokens"
        case Unit.CALLS:
            return "1 call" if amount == 1 else f"{amount:,} calls"
        case Unit.HUMAN_SECONDS:
            minutes, seconds = divmod(amount, 60)
            return f"{minutes:,} min {seconds} s of people" if seconds else f"{minutes:,} min of people"
