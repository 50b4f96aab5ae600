"""The shop's three files: users.json, orders.json and products.json, checked field by field.

Pure but for reading the files. The format is the one of the public retail benchmark data sets, objects by
key; `stock`, `placed_days_ago` and `delivered_days_ago` are additions of ours and may be missing.
Unknown fields are left alone: such files carry more than a support desk needs. Read next: `loading.py`.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, NonNegativeInt, TypeAdapter, ValidationError

from examples.support.errors import DataError
from examples.support.models import Order

Row = TypeVar("Row", bound=BaseModel)


class PersonName(BaseModel):
    """A customer's name."""

    first_name: str = Field(min_length=1, max_length=100)
    last_name: str = Field(max_length=100)


class UserRow(BaseModel):
    """An entry of users.json."""

    name: PersonName
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)


class VariantRow(BaseModel):
    """A variant in products.json."""

    item_id: str = Field(min_length=1, max_length=100)
    options: dict[str, str]
    available: bool
    price: Decimal = Field(ge=0)
    stock: NonNegativeInt | None = None


class ProductRow(BaseModel):
    """An entry of products.json."""

    name: str = Field(min_length=1, max_length=200)
    product_id: str = Field(min_length=1, max_length=100)
    variants: dict[str, VariantRow]


class ItemRow(BaseModel):
    """A line of an order."""

    name: str
    product_id: str
    item_id: str
    price: Decimal = Field(ge=0)
    options: dict[str, str]


class FulfillmentRow(BaseModel):
    """A parcel of an order."""

    tracking_id: list[str]


class PaymentRow(BaseModel):
    """Money that moved."""

    transaction_type: Literal["payment", "refund"]
    amount: Decimal


class OrderRow(BaseModel):
    """An entry of orders.json."""

    order_id: str = Field(min_length=1, max_length=50)
    user_id: str
    status: str
    items: list[ItemRow]
    fulfillments: list[FulfillmentRow] = []
    payment_history: list[PaymentRow] = []
    placed_days_ago: NonNegativeInt | None = None
    delivered_days_ago: NonNegativeInt | None = None

    @property
    def state(self) -> Order.Status:
        """Return the status in our words: "pending (item modified)" and the like are still pending."""
        return Order.Status(self.status.split(" (")[0])


class Shop(BaseModel):
    """All three files."""

    users: dict[str, UserRow]
    products: dict[str, ProductRow]
    orders: dict[str, OrderRow]


def read_shop(folder: Path) -> Shop:
    """Read and check the three files.

    Raises:
        DataError: naming the file, the entry and the field.
    """
    shop = Shop(
        users=_read_rows(folder / "users.json", UserRow),
        products=_read_rows(folder / "products.json", ProductRow),
        orders=_read_rows(folder / "orders.json", OrderRow),
    )
    _check_orders(folder / "orders.json", shop)
    return shop


def _read_rows(path: Path, row: type[Row]) -> dict[str, Row]:
    try:
        return TypeAdapter(dict[str, row]).validate_python(_read_json(path))  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors()[0]
        field = "/".join(str(part) for part in first["loc"])
        raise DataError(
            f"{path}: {field or 'the file'}: {first['msg']}; correct it and load again."
        ) from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: is missing; the folder must hold users.json, orders.json, products.json."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read ({error}); it must be a JSON object.") from error


def _check_orders(path: Path, shop: Shop) -> None:
    known = ", ".join(Order.Status.values)
    for key, order in shop.orders.items():
        if order.user_id not in shop.users:
            raise DataError(f"{path}: {key}/user_id: {order.user_id!r} is not in users.json; add the user.")
        if order.status.split(" (")[0] not in Order.Status.values:
            raise DataError(f"{path}: {key}/status: {order.status!r} is not known; use one of {known}.")
