from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from examples.support import conf, outbox, retrieval
from examples.support.loading import load_shop
from examples.support.models import Customer, Order, OrderItem, OutboxMessage, Product, Variant
from examples.support.outbox import Reply
from examples.support.shop_files import read_shop

TODAY = date(2026, 5, 20)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None) -> None:
    load_shop(read_shop(conf.DATA_DIR), TODAY)


def _rows() -> list[list[tuple[object, ...]]]:
    tables = (Customer, Product, Variant, Order, OrderItem)
    return [list(table.objects.order_by("pk").values_list()) for table in tables]


def test_the_command_loads_the_sample_shop_and_again_changes_nothing() -> None:
    said = StringIO()
    call_command("load_shop", stdout=said)
    before = _rows()
    call_command("load_shop", stdout=said)
    assert _rows() == before
    assert said.getvalue() == "The shop has 12 customers, 15 products with 32 variants, and 30 orders.\n" * 2


def test_loading_later_moves_no_day_but_updates_the_rest(shop: None) -> None:
    files = read_shop(conf.DATA_DIR)
    files.orders["#R4101"].status = "delivered"
    load_shop(files, TODAY + timedelta(days=7))
    order = Order.objects.get(key="#R4101")
    assert (order.status, order.placed_on) == ("delivered", TODAY - timedelta(days=4))


def test_a_folder_without_a_shop_is_a_plain_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"users\.json: is missing"):
        call_command("load_shop", folder=tmp_path)
    assert Customer.objects.count() == 0


def test_history_has_the_customer_and_their_orders(shop: None) -> None:
    found = retrieval.find_history("mira_okafor")
    assert found["customer"] == {"key": "mira_okafor", "name": "Mira", "email": "mira.okafor@example.org"}
    assert [order["number"] for order in found["orders"]] == ["#R4101", "#R4138"]
    assert found["orders"][0] == {
        "number": "#R4101",
        "status": "shipped",
        "tracking": "RM730000",
        "total": "39.90",
        "refunded": "0.00",
        "placed_on": "2026-05-16",
        "delivered_on": None,
        "items": [{"name": "Desk Lamp", "options": {"colour": "white", "light": "warm"}, "price": "39.90"}],
    }
    assert found["more_orders"] == 0


def test_a_stranger_has_no_history(shop: None) -> None:
    assert retrieval.find_history("nobody") == {"customer": None, "orders": [], "more_orders": 0}


def test_the_latest_five_orders_are_handed_over_and_the_rest_counted(shop: None) -> None:
    customer = Customer.objects.get(key="mira_okafor")
    Order.objects.bulk_create(
        Order(key=f"#X{number}", customer=customer, status="pending", total=1, placed_on=TODAY)
        for number in range(5)
    )
    found = retrieval.find_history("mira_okafor")
    assert [order["number"] for order in found["orders"]] == ["#X0", "#X1", "#X2", "#X3", "#X4"]
    assert found["more_orders"] == 2


def test_the_inventory_knows_what_a_message_names(shop: None) -> None:
    [lamp] = retrieval.find_products("do you have the lamp in black?")
    assert (lamp["name"], lamp["more_variants"]) == ("Desk Lamp", 0)
    assert [(variant["is_available"], variant["stock"]) for variant in lamp["variants"]] == [
        (True, 14),
        (True, 6),
        (False, 0),
    ]
    assert retrieval.find_products("hello") == []


def test_variants_that_are_left_out_are_counted(shop: None) -> None:
    stove = Product.objects.get(name="Camping Stove")
    Variant.objects.bulk_create(
        Variant(key=f"x{number}", product=stove, price=1, is_available=False) for number in range(20)
    )
    [found] = retrieval.find_products("a camping stove")
    assert (len(found["variants"]), found["more_variants"]) == (20, 1)
    assert found["variants"][0]["is_available"] is True


def test_a_key_sends_once() -> None:
    first = outbox.send(Reply("ada", "Subject", "Body"), idempotency_key="k1", run_id="r")
    again = outbox.send(Reply("ada", "Other", "Other"), idempotency_key="k1", run_id="r")
    other = outbox.send(Reply("ada", "Subject", "Body"), idempotency_key="k2", run_id="r")
    assert first == again == {"outbox_id": first["outbox_id"], "recipient": "ada", "subject": "Subject"}
    assert other["outbox_id"] != first["outbox_id"]
    assert list(OutboxMessage.objects.order_by("pk").values_list("idempotency_key", "body")) == [
        ("k1", "Body"),
        ("k2", "Body"),
    ]


def test_the_database_itself_refuses_a_second_message_under_a_key() -> None:
    row = {"idempotency_key": "k1", "run_id": "r", "recipient": "ada", "subject": "S", "body": "B"}
    OutboxMessage.objects.create(**row)
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxMessage.objects.create(**row)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("text", "reply is a str"),
        ({"recipient": "a", "subject": "s"}, "reply.body is ''"),
        ({"recipient": "a", "subject": "s", "body": " "}, "reply.body is ' '"),
        ({"recipient": 5, "subject": "s", "body": "b"}, "reply.recipient is 5"),
        ({"recipient": "a", "subject": "s", "body": "b", "bcc": "x"}, "reply.bcc is not known"),
    ],
)
def test_what_cannot_be_sent_is_named_by_field(data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        outbox.read_reply(data)
    assert OutboxMessage.objects.count() == 0
