"""What a reply to each intent may state, and what is missing for it. Pure.

Each finder returns the variant of the reply (a key of replies.json) and the facts it rests on. A fact comes
from the shop's database or its policy file; nothing else may be stated. Read next: `writing.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from examples.support import matching
from examples.support.situation import Order, Product, Situation, Variant, join_words

Facts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for one intent.

    Attributes:
        variant: which of the intent's replies fits.
        facts: what the reply states, by name.
        missing: what a complete answer would need and nobody knows.
        needs_person: why this can't be settled by a reply alone.
    """

    variant: str
    facts: Facts = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    needs_person: str = ""


# What may be said about a matter that nobody understood.
NOTHING: Final = Findings("unclear")

Finder = Callable[[Situation], Findings]


def find_facts(intent: str, situation: Situation) -> Findings:
    """Return what a reply to this intent may state."""
    return _FINDERS.get(intent, _NOBODY_KNOWS)(situation)


def write_date(day: date) -> str:
    """Return a date as replies name it, such as "3 May 2026"."""
    return f"{day.day} {day:%B %Y}"


def _order_facts(order: Order) -> Facts:
    return {"order": order.number, "items": order.items, "status": order.status}


def _find_status(situation: Situation) -> Findings:
    order = matching.pick_order(situation, "order_status")
    if order is None:
        return Findings("unclear", missing=("which order is meant",))
    facts = _order_facts(order)
    if order.status == "shipped":
        if not order.tracking:
            return Findings("shipped", facts, missing=("the tracking number",))
        facts["tracking"] = order.tracking
    # A customer who asks where a delivered parcel is did not get it.
    lost = "the parcel counts as delivered, the customer asks for it" if order.status == "delivered" else ""
    return Findings(order.status, facts, needs_person=lost)


def _find_return(situation: Situation) -> Findings:
    order = matching.pick_order(situation, "return_item")
    if order is None:
        return _general_or_unclear(situation)
    facts = _order_facts(order)
    if order.status in {"pending", "processed", "shipped"}:
        return Findings("not_delivered", facts)
    if order.status != "delivered":
        return Findings("unclear", facts, needs_person=f"the order is {order.status}")
    if order.delivered_on is None:
        return Findings("policy", facts, missing=("the day of delivery",))
    return _judge_return(order.delivered_on, facts, situation.today, situation.return_days)


def _judge_return(delivered_on: date, facts: Facts, today: date, return_days: int) -> Findings:
    until = delivered_on + timedelta(days=return_days)
    facts |= {"return_until": write_date(until)}
    if today <= until:
        return Findings("open", facts)
    facts |= {"delivered_on": write_date(delivered_on)}
    return Findings(
        "late", facts, needs_person="the time for a return is over; a person may make an exception"
    )


def _general_or_unclear(situation: Situation) -> Findings:
    """Explain how it works in general, unless the message means an order that we can't tell."""
    if matching.names_foreign_order(situation) or matching.names_several_orders(situation):
        return Findings("unclear", missing=("which order is meant",))
    return Findings("policy")


def _find_exchange(situation: Situation) -> Findings:
    product = matching.pick_product(situation)
    if product is None or not product.variants or not product.is_complete:
        return _general_or_unclear(situation)
    available = [variant for variant in product.variants if variant.is_available]
    facts = {"product": product.name}
    if not available:
        return Findings("sold_out", facts)
    return Findings("offered", facts | {"available": _list_labels(available)})


def _find_refund(situation: Situation) -> Findings:
    refunded = tuple(order for order in situation.orders if Decimal(order.refunded) > 0)
    order = matching.pick_order(situation, "refund_status")
    if order is None and len(refunded) == 1 and matching.names_nothing(situation):
        order = refunded[0]
    if order is None:
        return Findings("unclear", missing=("which order is meant",))
    if order not in refunded:
        return Findings("unclear", _order_facts(order), missing=("a refund in the shop's books",))
    return Findings("paid", _order_facts(order) | {"refund": order.refunded})


def _find_stock(situation: Situation) -> Findings:
    product = matching.pick_product(situation)
    if product is None or not product.is_complete:
        return _lack_product(situation, product)
    wanted = matching.wanted_options(situation.text, product)
    facts = {"product": product.name}
    available = [variant for variant in product.variants if variant.is_available]
    if not available:
        return Findings("sold_out", facts)
    fitting = [variant for variant in available if set(wanted) <= set(variant.options.values())]
    if fitting:
        return Findings("available", facts | {"available": _list_labels(fitting)})
    return Findings("partly", facts | {"available": _list_labels(available), "wanted": join_words(wanted)})


def _find_product(situation: Situation) -> Findings:
    product = matching.pick_product(situation)
    if product is None or not product.is_complete or not product.variants:
        return _lack_product(situation, product)
    versions = [f"{variant.label} for {variant.price}" for variant in product.variants]
    return Findings("offered", {"product": product.name, "versions": "; ".join(versions)})


def _lack_product(situation: Situation, product: Product | None) -> Findings:
    """Say why nothing can be said about a product."""
    if situation.products is None:
        return Findings("unclear", missing=("the inventory, which could not be asked",))
    if product is None:
        return Findings("unclear", missing=("which product is meant",))
    return Findings("unclear", {"product": product.name}, missing=("every version of the product",))


def _find_invoice(situation: Situation) -> Findings:
    order = matching.pick_order(situation, "invoice")
    if order is None:
        return _general_or_unclear(situation)
    return Findings("order", _order_facts(order))


def _find_cancellation(situation: Situation) -> Findings:
    order = matching.pick_order(situation, "cancel_order")
    if order is None or order.status not in {"pending", "processed", "shipped"}:
        return Findings("unclear", needs_person="somebody must find the order and cancel it")
    variant = "too_late" if order.status == "shipped" else "open"
    return Findings(variant, _order_facts(order), needs_person="somebody must cancel the order")


def _state_policy(_: Situation) -> Findings:
    return Findings("policy")


def _answer_small_talk(_: Situation) -> Findings:
    return Findings("small_talk")


def _leave_to_person(reason: str) -> Finder:
    def find(_: Situation) -> Findings:
        return Findings("unclear", needs_person=reason)

    return find


def _list_labels(variants: list[Variant]) -> str:
    return "; ".join(variant.label for variant in variants)


_NOBODY_KNOWS: Final = _leave_to_person("no reply is known for this intent")

_FINDERS: Final[dict[str, Finder]] = {
    "order_status": _find_status,
    "delivery_time": _state_policy,
    "return_item": _find_return,
    "exchange_item": _find_exchange,
    "refund_status": _find_refund,
    "stock_question": _find_stock,
    "product_info": _find_product,
    "invoice": _find_invoice,
    "payment_methods": _state_policy,
    "warranty": _state_policy,
    "contact": _state_policy,
    "discount": _state_policy,
    "thanks": _answer_small_talk,
    "greeting": _answer_small_talk,
    "cancel_order": _find_cancellation,
    "change_address": _leave_to_person("somebody must change the address"),
    "damaged_item": _leave_to_person("somebody must look at the damage and decide"),
    "complaint": _leave_to_person("a complaint is answered by a person"),
    "talk_to_person": _leave_to_person("the customer asks for a person"),
}
