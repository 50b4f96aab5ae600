"""The bank's books: payments in order of time, their makers and places, read once per process.

`label` says what a payment was, for teaching and measuring only: no agent is handed it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from examples.fraud import conf
from examples.fraud.errors import BooksError

LEGIT: Final = "legit"
Row = TypeVar("Row", bound=BaseModel)
Channel = Literal["online", "shop", "cash"]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Payment(_Row):
    """One payment by card. `label`: `legit`, or the pattern of the fraud; None when nobody knows yet."""

    id: str
    user: str
    card: str
    at: AwareDatetime
    amount: float
    merchant: str
    category: str
    city: str
    channel: Channel
    device: str
    label: str | None = None


class Place(_Row):
    """A city on the map, in kilometres."""

    x: float
    y: float


class Directory(_Row):
    """What the books know beside payments.

    Attributes:
        cities: where they are.  category_risk: share of fraud among all payments of a category, as the trade says.
        checked_from: payments before it are history, with labels to learn from; later ones are to be checked.
        reputation: what the outside service knows of devices and merchants, 0 (good) to 1.
        old_reputation: the copy of it that the bank keeps, older and smaller.
    """

    cities: Mapping[str, Place]
    category_risk: Mapping[str, float]
    checked_from: AwareDatetime
    reputation: Mapping[str, float]
    old_reputation: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Books:
    """Everything. Equal to itself only: a cache's key, as each folder is read once."""

    directory: Directory
    payments: Mapping[str, Payment]
    by_user: Mapping[str, tuple[Payment, ...]]

    def payment(self, key: str) -> Payment:
        """Return a payment.

        Raises: ValueError: the books have none of this id.
        """
        if key not in self.payments:
            raise ValueError(f"payment_id: {key!r} is not in the books; look it up in payments.jsonl")
        return self.payments[key]

    def before(self, payment: Payment) -> tuple[Payment, ...]:
        """Return what its maker paid before it, in order of time: the future is nobody's knowledge."""
        own = self.by_user[payment.user]
        return own[: bisect_left(own, (payment.at, payment.id), key=_order)]

    def to_learn_from(self) -> list[Payment]:
        """Return the labelled payments of the past."""
        return [one for one in self.payments.values() if one.label and one.at < self.directory.checked_from]

    def to_check(self) -> list[Payment]:
        """Return the payments to be checked, in order of time."""
        return [one for one in self.payments.values() if one.at >= self.directory.checked_from]


def open_books() -> Books:
    """Return the books of the settings.

    Raises: BooksError: a file is missing or wrong; names it.
    """
    return read_books(conf.books_dir())


@lru_cache(maxsize=4)
def read_books(folder: Path) -> Books:
    """Read a folder's `books.json` and `payments.jsonl`; a worker reads each folder once."""
    directory = _read(Directory, folder / "books.json", _text(folder / "books.json"))
    path = folder / "payments.jsonl"
    lines = enumerate(_text(path).split("\n"), start=1)
    rows = [_read(Payment, f"{path}, line {number}", line) for number, line in lines if line.strip()]
    ordered = sorted(rows, key=_order)
    for row in ordered:
        if row.city not in directory.cities:
            raise BooksError(f"{path}: {row.id}: city {row.city!r} is not in books.json; add it.")
    makers: dict[str, list[Payment]] = {}
    for row in ordered:
        makers.setdefault(row.user, []).append(row)
    by_user = {user: tuple(own) for user, own in makers.items()}
    return Books(directory, {row.id: row for row in ordered}, by_user)


def _order(payment: Payment) -> tuple[datetime, str]:
    return payment.at, payment.id


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BooksError(
            f"{path}: can't be read ({error.strerror}); `manage.py make_payments --to FOLDER` writes new books."
        ) from error


def _read(kind: type[Row], where: object, text: str) -> Row:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        raise BooksError(f"{where}: {field or 'the line'}: {first['msg']}; correct it.") from error
