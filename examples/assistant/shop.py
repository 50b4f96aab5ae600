"""The shop: orders and stock, read from a file. Pure but for that; it writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from agents.domain.reading import read_json
from examples.assistant.errors import NotFound

_FILE: Final = Path(__file__).resolve().parent / "data" / "shop.json"


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase. `euro`: what was paid for it."""

    number: str
    customer: str
    item: str
    euro: Decimal
    status: str


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells. `pieces`: on the shelf."""

    name: str
    euro: Decimal
    pieces: int


@dataclass(frozen=True, slots=True)
class Shop:
    """All of it: orders by number, products by name."""

    orders: Mapping[str, Order]
    products: Mapping[str, Product]

    def find_order(self, number: str, customer: str) -> Order:
        """Return a customer's order; whose it is decides, not who the message says it is from.

        Raises: NotFound: there is none, or it is somebody else's: both in the same words.
        """
        order = self.orders.get(number.strip().lstrip("#"))
        if order is None or order.customer != customer:
            raise NotFound(f"This customer has no order {number}; ask them to look at the number again.")
        return order

    def find_product(self, name: str) -> Product:
        """Return the product of this name, or the only one whose name has all of these words.

        Raises: NotFound: there is none, or more than one; names those there are.
        """
        wanted = set(name.casefold().split())
        fitting = [each for each in self.products.values() if wanted <= set(each.name.casefold().split())]
        exact = [each for each in fitting if each.name.casefold() == name.strip().casefold()]
        if len(exact or fitting) == 1 and wanted:
            return (exact or fitting)[0]
        known = ", ".join(each.name for each in fitting or self.products.values())
        raise NotFound(f"There is no one product '{name}'; there are: {known}.")


@cache
def open_shop() -> Shop:
    """Return the shop of the file."""
    said = read_json(_FILE.read_text(encoding="utf-8"))
    orders = [Order(**{**each, "euro": Decimal(each["euro"])}) for each in said["orders"]]
    products = [Product(**{**each, "euro": Decimal(each["euro"])}) for each in said["products"]]
    return Shop({each.number: each for each in orders}, {each.name: each for each in products})
