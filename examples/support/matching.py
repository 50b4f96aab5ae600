"""Which of the customer's orders, and which product, a message is about. Pure; never guesses between two."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from examples.support.reading import find_order_numbers, head_word, name_pattern
from examples.support.situation import Order, Product, Situation

Thing = TypeVar("Thing")

_UNDER_WAY: Final = frozenset({"pending", "processed", "shipped"})
_ARRIVED: Final = frozenset({"delivered"})

# Whoever asks this means one of the orders in such a state, if there is just one.
_LIKELY_STATES: Final[dict[str, frozenset[str]]] = {
    "order_status": _UNDER_WAY,
    "cancel_order": _UNDER_WAY,
    "change_address": _UNDER_WAY,
    "return_item": _ARRIVED,
    "exchange_item": _ARRIVED,
    "damaged_item": _ARRIVED,
}


def pick_order(situation: Situation, intent: str) -> Order | None:
    """Return the one order the message can mean, None if there is none or more than one."""
    numbers = find_order_numbers(situation.text)
    if numbers:
        return _only(order for order in situation.orders if order.number in numbers)
    if situation.has_older_orders:
        # One of those could be meant as well.
        return None
    named = [order for order in situation.orders if _names_item(situation.text, order)]
    return _only(_narrow(named or situation.orders, intent))


def names_foreign_order(situation: Situation) -> bool:
    """Tell whether the message names an order number that is not one of this customer's orders."""
    own = {order.number for order in situation.orders}
    return not own.issuperset(find_order_numbers(situation.text))


def names_nothing(situation: Situation) -> bool:
    """Tell whether the message leaves it open which of the orders, all of which are known, it is about."""
    named = find_order_numbers(situation.text) or any(
        _names_item(situation.text, o) for o in situation.orders
    )
    return not named and not situation.has_older_orders


def names_several_orders(situation: Situation) -> bool:
    """Tell whether the message names more than one order."""
    return len(find_order_numbers(situation.text)) > 1


def pick_product(situation: Situation) -> Product | None:
    """Return the one product that the message names."""
    return _only(situation.products or ())


def wanted_options(text: str, product: Product) -> list[str]:
    """Return the option values of this product that a text mentions, such as colours and sizes."""
    values = dict.fromkeys(value for variant in product.variants for value in variant.options.values())
    return [value for value in values if name_pattern(value).search(text)]


def find_named(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that a text means: in full, or by their last word ("my lamp" for a desk lamp).

    A name inside a longer one that occurs does not count; a last word that names share means all of them.
    """
    known = sorted(set(names), key=lambda name: (-len(name), name))
    found = []
    for name in known:
        text, count = name_pattern(name).subn(" ", text)
        if count:
            found.append(name)
    heads = {name: head_word(name) for name in known if name not in found}
    return found + [name for name, head in heads.items() if name_pattern(head).search(text)]


def _names_item(text: str, order: Order) -> bool:
    return bool(find_named(text, order.item_names))


def _narrow(orders: Sequence[Order], intent: str) -> Sequence[Order]:
    states = _LIKELY_STATES.get(intent)
    if states is None or len(orders) < 2:
        return orders
    return [order for order in orders if order.status in states]


def _only(candidates: Iterable[Thing]) -> Thing | None:
    found = list(candidates)
    return found[0] if len(found) == 1 else None
