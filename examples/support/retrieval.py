"""What the desk looks up in the shop's database, as plain JSON values. No transaction stays open."""

from typing import Any, Final

from django.db.models import Prefetch

from examples.support.matching import find_named
from examples.support.models import Customer, Order, Product, Variant

_LATEST_ORDERS: Final = 5
# Two tell that a message is not about one; more would only fill the hand-off.
_MOST_PRODUCTS: Final = 2
_MOST_VARIANTS: Final = 20


def find_history(customer_key: str) -> dict[str, Any]:
    """Return who wrote and their latest orders; `customer` is null for somebody the shop does not know."""
    customer = Customer.objects.filter(key=customer_key).first()
    if customer is None:
        return {"customer": None, "orders": [], "more_orders": 0}
    orders = customer.orders.prefetch_related("items")
    count = orders.count()
    return {
        "customer": {"key": customer.key, "name": customer.first_name, "email": customer.email},
        "orders": [_describe_order(order) for order in orders[:_LATEST_ORDERS]],
        "more_orders": max(0, count - _LATEST_ORDERS),
    }


def find_products(text: str) -> list[dict[str, Any]]:
    """Return the products a text names, with what can be bought now."""
    names = find_named(text, Product.objects.values_list("name", flat=True))[:_MOST_PRODUCTS]
    # What can be bought comes first: the list is cut.
    variants = Prefetch("variants", Variant.objects.order_by("-is_available", "key"))
    products = Product.objects.filter(name__in=names).prefetch_related(variants)
    return [_describe_product(product) for product in products]


def _describe_order(order: Order) -> dict[str, Any]:
    return {
        "number": order.key,
        "status": order.status,
        "tracking": order.tracking,
        "total": str(order.total),
        "refunded": str(order.refunded),
        "placed_on": order.placed_on.isoformat() if order.placed_on else None,
        "delivered_on": order.delivered_on.isoformat() if order.delivered_on else None,
        "items": [
            {"name": item.name, "options": item.options, "price": str(item.price)}
            for item in order.items.all()
        ],
    }


def _describe_product(product: Product) -> dict[str, Any]:
    variants = list(product.variants.all())
    return {
        "name": product.name,
        "more_variants": max(0, len(variants) - _MOST_VARIANTS),
        "variants": [
            {
                "options": variant.options,
                "price": str(variant.price),
                "is_available": variant.is_available,
                "stock": variant.stock,
            }
            for variant in variants[:_MOST_VARIANTS]
        ],
    }
