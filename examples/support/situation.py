"""What the writer knows when it writes: the hand-offs of the steps before it, as typed values. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Order:
    """An order of this customer, as the history step handed it over."""

    number: str
    status: str
    tracking: str
    total: str
    refunded: str
    delivered_on: date | None
    item_names: tuple[str, ...]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Build from the history step's output."""
        delivered = data["delivered_on"]
        return cls(
            number=data["number"],
            status=data["status"],
            tracking=data["tracking"],
            total=data["total"],
            refunded=data["refunded"],
            delivered_on=date.fromisoformat(delivered) if delivered else None,
            item_names=tuple(item["name"] for item in data["items"]),
        )

    @property
    def items(self) -> str:
        """Return the names as people write them."""
        return join_words(tuple(dict.fromkeys(self.item_names)))


@dataclass(frozen=True, slots=True)
class Variant:
    """One buyable form of a product."""

    options: Mapping[str, str]
    price: str
    is_available: bool

    @property
    def label(self) -> str:
        """Return the options as people write them, in the order of their names: a hand-off keeps no order."""
        return ", ".join(self.options[name] for name in sorted(self.options)) or "standard"


@dataclass(frozen=True, slots=True)
class Product:
    """A product the message names, as the inventory step handed it over.

    Attributes:
        name: as the shop calls it.
        variants: what is known of it, available ones first.
        is_complete: these are all of its variants.
    """

    name: str
    variants: tuple[Variant, ...]
    is_complete: bool = True

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Build from the inventory step's output."""
        variants = (
            Variant(variant["options"], variant["price"], variant["is_available"])
            for variant in data["variants"]
        )
        return cls(data["name"], tuple(variants), is_complete=data["more_variants"] == 0)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who wrote."""

    key: str
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a reply may rest on.

    Attributes:
        text: the message.
        sender: the account that wrote, known to the shop or not.
        customer: None when the shop does not know the sender.
        orders: the customer's latest orders.
        has_older_orders: there are more, which the desk was not handed.
        products: what the message names; None when the inventory could not be asked.
        is_upset: a reply to this customer starts with an apology.
        is_furious: a person should answer.
        today: for the deadlines of returns.
        return_days: how long after delivery a return is possible.
    """

    text: str
    sender: str
    customer: Customer | None
    orders: tuple[Order, ...]
    has_older_orders: bool
    products: tuple[Product, ...] | None
    is_upset: bool
    is_furious: bool
    today: date
    return_days: int

    @property
    def product_names(self) -> list[str]:
        """Return the names of everything this customer bought or mentions."""
        bought = [name for order in self.orders for name in order.item_names]
        return list(dict.fromkeys([*bought, *(product.name for product in self.products or ())]))


def join_words(words: Sequence[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
