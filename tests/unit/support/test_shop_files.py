import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.support import conf
from examples.support.errors import DataError
from examples.support.models import Order
from examples.support.shop_files import read_shop

USERS = {
    "ada": {"name": {"first_name": "Ada", "last_name": "Lund"}, "email": "ada@example.org", "orders": []}
}
PRODUCTS = {
    "1": {
        "name": "Lamp",
        "product_id": "1",
        "variants": {"11": {"item_id": "11", "options": {"colour": "red"}, "available": True, "price": 9.5}},
    }
}
ITEM = {"name": "Lamp", "product_id": "1", "item_id": "11", "price": 9.5, "options": {"colour": "red"}}
ORDERS = {"#W1": {"order_id": "#W1", "user_id": "ada", "status": "pending", "items": [ITEM], "address": {}}}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_files(users: Any = USERS, products: Any = PRODUCTS, orders: Any = ORDERS) -> Path:
        for name, content in {"users": users, "products": products, "orders": orders}.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        return tmp_path

    return write_files


def test_files_of_this_form_are_read_and_unknown_fields_left_alone(write: Write) -> None:
    shop = read_shop(write())
    assert shop.users["ada"].name.first_name == "Ada"
    assert shop.products["1"].variants["11"].stock is None
    assert shop.orders["#W1"].state is Order.Status.PENDING


def test_a_status_with_a_remark_is_still_that_status(write: Write) -> None:
    shop = read_shop(write(orders={"#W1": ORDERS["#W1"] | {"status": "pending (item modified)"}}))
    assert shop.orders["#W1"].state is Order.Status.PENDING


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"users": {"ada": USERS["ada"] | {"email": "nobody"}}}, r"users\.json: ada/email: "),
        ({"users": []}, r"users\.json: the file: "),
        ({"products": {"1": {"name": "Lamp"}}}, r"products\.json: 1/product_id: Field required"),
        (
            {"orders": {"#W1": ORDERS["#W1"] | {"user_id": "bob"}}},
            r"orders\.json: #W1/user_id: 'bob' is not in",
        ),
        (
            {"orders": {"#W1": ORDERS["#W1"] | {"status": "lost"}}},
            r"orders\.json: #W1/status: 'lost' is not known",
        ),
        (
            {"orders": {"#W1": ORDERS["#W1"] | {"items": [ITEM | {"price": -1}]}}},
            r"orders\.json: #W1/items/0/price: ",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_field(
    write: Write, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_shop(write(**changes))


def test_a_missing_or_broken_file_is_named(write: Write) -> None:
    folder = write()
    (folder / "products.json").write_text("{")
    with pytest.raises(DataError, match=r"products\.json: can't be read"):
        read_shop(folder)
    (folder / "products.json").unlink()
    with pytest.raises(DataError, match=r"products\.json: is missing"):
        read_shop(folder)


def test_the_sample_shop_is_sound() -> None:
    shop = read_shop(conf.DATA_DIR)
    variants = {key for product in shop.products.values() for key in product.variants}
    bought = {item.item_id for order in shop.orders.values() for item in order.items}
    assert (len(shop.users), len(shop.products), len(shop.orders)) == (12, 15, 30)
    assert bought <= variants
    assert {order.state for order in shop.orders.values()} == set(Order.Status)
