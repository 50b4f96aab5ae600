import pytest

from examples.support.matching import (
    find_named,
    names_foreign_order,
    names_several_orders,
    pick_order,
    pick_product,
    wanted_options,
)
from tests.unit.support.builders import BLANKET, LAMP, order, situation

SHIPPED = order("#R1001", "shipped", "Desk Lamp")
DELIVERED = order("#R1002", "delivered", "Teapot")
PENDING = order("#R1003", "pending", "Notebook")


def test_a_named_number_decides() -> None:
    assert pick_order(situation("where is #R1002", SHIPPED, DELIVERED), "order_status") is DELIVERED


def test_a_foreign_number_is_no_order_even_if_one_would_fit() -> None:
    asked = situation("where is #R9999", SHIPPED)
    assert pick_order(asked, "order_status") is None
    assert names_foreign_order(asked)


def test_two_named_numbers_are_not_decided() -> None:
    asked = situation("where are #R1001 and #R1002", SHIPPED, DELIVERED)
    assert pick_order(asked, "order_status") is None
    assert names_several_orders(asked)


def test_a_named_item_decides() -> None:
    assert pick_order(situation("where is my teapot", SHIPPED, DELIVERED), "order_status") is DELIVERED


@pytest.mark.parametrize(("intent", "expected"), [("order_status", SHIPPED), ("return_item", DELIVERED)])
def test_without_a_name_the_only_order_in_a_fitting_state_is_meant(intent: str, expected: object) -> None:
    assert pick_order(situation("what about my order", SHIPPED, DELIVERED), intent) is expected


def test_of_two_orders_that_fit_none_is_guessed() -> None:
    assert pick_order(situation("where is my order", SHIPPED, PENDING), "order_status") is None


def test_of_orders_that_are_not_all_known_only_a_named_number_decides() -> None:
    assert pick_order(situation("where is my lamp", SHIPPED, has_older_orders=True), "order_status") is None
    named = situation("where is #R1001", SHIPPED, has_older_orders=True)
    assert pick_order(named, "order_status") is SHIPPED


def test_without_orders_there_is_none() -> None:
    assert pick_order(situation("where is my order"), "order_status") is None


def test_products_are_found_in_full_or_by_last_word_and_inner_names_do_not_count() -> None:
    names = ["Umbrella", "Patio Umbrella", "Desk Lamp", "Teapot"]
    assert find_named("my patio umbrellas and the lamp", names) == ["Patio Umbrella", "Desk Lamp"]


def test_a_last_word_of_two_products_means_both() -> None:
    assert find_named("is the jacket warm", ["Rain Jacket", "Fleece Jacket"]) == [
        "Fleece Jacket",
        "Rain Jacket",
    ]


def test_a_product_is_picked_only_if_it_is_the_only_one() -> None:
    assert pick_product(situation(products=(LAMP,))) is LAMP
    assert pick_product(situation(products=(LAMP, BLANKET))) is None
    assert pick_product(situation(products=None)) is None


def test_wanted_options_are_whole_words_of_the_text() -> None:
    assert wanted_options("the Black one, not blackish", LAMP) == ["black"]
