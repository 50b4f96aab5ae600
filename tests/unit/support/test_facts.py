from dataclasses import replace
from datetime import date

import pytest

from examples.support.facts import find_facts, write_date
from examples.support.situation import Variant
from tests.unit.support.builders import BLANKET, LAMP, order, situation


def test_a_shipped_order_has_its_tracking_number() -> None:
    found = find_facts("order_status", situation("where is it", order()))
    assert found.variant == "shipped"
    assert found.facts == {"order": "#R1001", "items": "Desk Lamp", "status": "shipped", "tracking": "RM1"}
    assert (found.missing, found.needs_person) == ((), "")


def test_a_shipped_order_without_tracking_is_missing_a_fact() -> None:
    assert find_facts("order_status", situation("x", order(tracking=""))).missing == ("the tracking number",)


def test_asking_for_a_delivered_parcel_needs_a_person() -> None:
    found = find_facts("order_status", situation("where is #R1001", order(status="delivered")))
    assert found.needs_person == "the parcel counts as delivered, the customer asks for it"


def test_no_order_can_be_told() -> None:
    assert find_facts("order_status", situation()).missing == ("which order is meant",)


@pytest.mark.parametrize(
    ("delivered_on", "variant", "needs_person"),
    [
        (date(2026, 4, 20), "open", False),  # the 30th day is still in time
        (date(2026, 4, 19), "late", True),
    ],
)
def test_a_return_is_judged_by_the_day(delivered_on: date, variant: str, needs_person: bool) -> None:
    found = find_facts("return_item", situation("x", order(status="delivered", delivered_on=delivered_on)))
    assert (found.variant, bool(found.needs_person)) == (variant, needs_person)
    assert found.facts["return_until"] == write_date(date(2026, 5, delivered_on.day))


def test_a_return_without_a_day_of_delivery_is_missing_it() -> None:
    found = find_facts("return_item", situation("x", order(status="delivered")))
    assert (found.variant, found.missing) == ("policy", ("the day of delivery",))


def test_a_return_before_delivery_and_one_without_an_order_explain_how_it_works() -> None:
    assert find_facts("return_item", situation("x", order(status="pending"))).variant == "not_delivered"
    assert find_facts("return_item", situation("how does a return work")).variant == "policy"


def test_a_return_of_a_foreign_order_is_not_explained_away() -> None:
    assert find_facts("return_item", situation("return #R9999")).missing == ("which order is meant",)


def test_a_refund_is_stated_only_from_the_books() -> None:
    paid, unpaid = order("#R1", "returned", refunded="39.90"), order("#R2", "returned")
    assert find_facts("refund_status", situation("x", paid)).facts["refund"] == "39.90"
    missing = find_facts("refund_status", situation("x", unpaid))
    assert missing.missing == ("a refund in the shop's books",)
    assert "refund" not in missing.facts


def test_of_several_orders_the_only_refunded_one_is_meant() -> None:
    paid = order("#R1", "returned", refunded="5.00")
    found = find_facts("refund_status", situation("my money?", paid, order("#R2"), order("#R3")))
    assert found.facts["order"] == "#R1"


@pytest.mark.parametrize("text", ["my money for the lamp?", "my money for #R9999?"])
def test_the_refunded_order_is_not_meant_by_a_message_that_names_something(text: str) -> None:
    paid = order("#R1", "returned", "Teapot", refunded="5.00")
    found = find_facts("refund_status", situation(text, paid, order("#R2"), order("#R3")))
    assert found.missing == ("which order is meant",)


@pytest.mark.parametrize(
    ("text", "variant", "facts"),
    [
        ("is the lamp in stock", "available", {"product": "Desk Lamp", "available": "white"}),
        ("the lamp in white?", "available", {"product": "Desk Lamp", "available": "white"}),
        ("the lamp in black?", "partly", {"product": "Desk Lamp", "available": "white", "wanted": "black"}),
    ],
)
def test_stock_is_answered_for_the_wanted_version(text: str, variant: str, facts: dict[str, str]) -> None:
    found = find_facts("stock_question", situation(text, products=(LAMP,)))
    assert (found.variant, found.facts) == (variant, facts)


def test_a_product_without_stock_is_sold_out() -> None:
    found = find_facts("stock_question", situation("blanket?", products=(BLANKET,)))
    assert (found.variant, found.facts) == ("sold_out", {"product": "Wool Blanket"})


@pytest.mark.parametrize("intent", ["stock_question", "product_info"])
def test_without_the_inventory_nothing_is_said_about_products(intent: str) -> None:
    found = find_facts(intent, situation("lamp?", products=None))
    assert (found.variant, found.missing) == ("unclear", ("the inventory, which could not be asked",))


def test_versions_have_their_prices() -> None:
    found = find_facts("product_info", situation("lamp?", products=(LAMP,)))
    assert found.facts == {"product": "Desk Lamp", "versions": "white for 39.90; black for 44.90"}


@pytest.mark.parametrize(
    "intent",
    ["cancel_order", "change_address", "damaged_item", "complaint", "talk_to_person", "never_heard_of"],
)
def test_what_a_reply_cannot_settle_needs_a_person(intent: str) -> None:
    assert find_facts(intent, situation("please", order(status="pending"))).needs_person


def test_a_date_is_written_in_words() -> None:
    assert write_date(date(2026, 5, 3)) == "3 May 2026"


@pytest.mark.parametrize("intent", ["stock_question", "product_info"])
def test_of_a_product_that_is_known_in_part_nothing_is_said(intent: str) -> None:
    lamp = replace(LAMP, is_complete=False)
    found = find_facts(intent, situation("the lamp in black?", products=(lamp,)))
    assert (found.variant, found.missing) == ("unclear", ("every version of the product",))


def test_options_are_named_in_one_order_however_they_were_handed_over() -> None:
    one = Variant({"size": "M", "colour": "red"}, "1.00", is_available=True)
    other = Variant({"colour": "red", "size": "M"}, "1.00", is_available=True)
    assert one.label == other.label == "red, M"
