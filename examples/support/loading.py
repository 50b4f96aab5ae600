"""Write the shop's files into the database; loading the same files again changes nothing."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction

from examples.support.models import Customer, Order, OrderItem, Product, Variant
from examples.support.shop_files import OrderRow, Shop


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows the shop has now."""

    customers: int
    products: int
    variants: int
    orders: int


@transaction.atomic
def load_shop(shop: Shop, today: date) -> Loaded:
    """Write all of it or nothing. Days are counted back from the first load, so that a second one moves none.

    Args:
        shop: as read from its files.
        today: what `placed_days_ago` and `delivered_days_ago` are counted from.
    """
    _write_customers(shop)
    _write_products(shop)
    _write_orders(shop, today)
    return Loaded(
        Customer.objects.count(), Product.objects.count(), Variant.objects.count(), Order.objects.count()
    )


def _write_customers(shop: Shop) -> None:
    rows = [
        Customer(key=key, first_name=user.name.first_name, last_name=user.name.last_name, email=user.email)
        for key, user in shop.users.items()
    ]
    Customer.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=["first_name", "last_name", "email"]
    )


def _write_products(shop: Shop) -> None:
    Product.objects.bulk_create(
        [Product(key=row.product_id, name=row.name) for row in shop.products.values()],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["name"],
    )
    ids = dict(Product.objects.values_list("key", "pk"))
    rows = [
        Variant(
            key=variant.item_id,
            product_id=ids[product.product_id],
            options=variant.options,
            price=variant.price,
            is_available=variant.available,
            stock=variant.stock,
        )
        for product in shop.products.values()
        for variant in product.variants.values()
    ]
    Variant.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["product", "options", "price", "is_available", "stock"],
    )


def _write_orders(shop: Shop, today: date) -> None:
    customers = dict(Customer.objects.values_list("key", "pk"))
    rows = [_build_order(row, customers[row.user_id], today) for row in shop.orders.values()]
    Order.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["customer", "status", "tracking", "total", "refunded"],
    )
    ids = dict(Order.objects.values_list("key", "pk"))
    items = [item for row in shop.orders.values() for item in _build_items(row, ids[row.order_id])]
    OrderItem.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["order", "position"],
        update_fields=["product_key", "variant_key", "name", "options", "price"],
    )


def _build_order(row: OrderRow, customer_id: int, today: date) -> Order:
    return Order(
        key=row.order_id,
        customer_id=customer_id,
        status=row.state,
        tracking=", ".join(number for parcel in row.fulfillments for number in parcel.tracking_id)[:100],
        total=_paid(row, "payment"),
        refunded=_paid(row, "refund"),
        placed_on=_day(today, row.placed_days_ago),
        delivered_on=_day(today, row.delivered_days_ago),
    )


def _build_items(row: OrderRow, order_id: int) -> list[OrderItem]:
    return [
        OrderItem(
            order_id=order_id,
            position=position,
            product_key=item.product_id,
            variant_key=item.item_id,
            name=item.name,
            options=item.options,
            price=item.price,
        )
        for position, item in enumerate(row.items)
    ]


def _paid(row: OrderRow, kind: str) -> Decimal:
    amounts = [payment.amount for payment in row.payment_history if payment.transaction_type == kind]
    return sum(amounts, Decimal(0)).quantize(Decimal("0.01"))


def _day(today: date, days_ago: int | None) -> date | None:
    return None if days_ago is None else today - timedelta(days=days_ago)
