"""A small shop for the pure tests."""

from datetime import date
from typing import Any

from examples.support.reading import Matter
from examples.support.situation import Customer, Order, Product, Situation, Variant

TODAY = date(2026, 5, 20)
LAMP = Product(
    "Desk Lamp",
    (
        Variant({"colour": "white"}, "39.90", is_available=True),
        Variant({"colour": "black"}, "44.90", is_available=False),
    ),
)
BLANKET = Product("Wool Blanket", (Variant({"colour": "moss"}, "68.00", is_available=False),))


def order(number: str = "#R1001", status: str = "shipped", *items: str, **changes: Any) -> Order:
    """An order; `changes` replace its other fields."""
    fields: dict[str, Any] = {
        "tracking": "RM1",
        "total": "39.90",
        "refunded": "0.00",
        "delivered_on": None,
        "item_names": items or ("Desk Lamp",),
    }
    return Order(number=number, status=status, **(fields | changes))


def situation(text: str = "Where is my order?", *orders: Order, **changes: Any) -> Situation:
    """A message of Mira's; `changes` replace the other fields."""
    fields: dict[str, Any] = {
        "sender": "mira",
        "customer": Customer("mira", "Mira", "mira@example.org"),
        "has_older_orders": False,
        "products": (),
        "is_upset": False,
        "is_furious": False,
        "today": TODAY,
        "return_days": 30,
    }
    return Situation(text=text, orders=orders, **(fields | changes))


def matter(intent: str = "order_status", confidence: float = 0.95, *others: str) -> Matter:
    """What a message is about."""
    return Matter(intent, confidence, others)
