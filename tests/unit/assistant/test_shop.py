"""What the assistant's tools find, and how they say that they don't."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic_ai import ModelRetry

from examples.assistant.errors import NotFound, RefundRefused
from examples.assistant.refunds import read_euro
from examples.assistant.shop import open_shop
from examples.assistant.tools import check_stock, find_order


def _as(customer: str) -> Any:
    task = SimpleNamespace(input={"customer": customer})
    return cast("Any", SimpleNamespace(deps=SimpleNamespace(task=task)))


@pytest.mark.parametrize("number", ["1042", "#1042", " 1042 "])
def test_a_customer_s_order_is_found(number: str) -> None:
    assert find_order(_as("omar_khalil"), number) == {
        "order": "1042",
        "item": "blue kettle",
        "euro": 44.9,
        "status": "on its way, expected on Thursday",
    }


@pytest.mark.parametrize("number", ["1041", "9999", ""])
def test_an_order_of_somebody_else_is_told_like_one_that_is_not_there(number: str) -> None:
    with pytest.raises(ModelRetry) as told:
        find_order(_as("omar_khalil"), number)
    assert str(told.value) == f"This customer has no order {number}; ask them to look at the number again."


@pytest.mark.parametrize("name", ["red kettle", "Red Kettle", "the red kettle".removeprefix("the "), "red"])
def test_a_product_is_found_by_its_name_or_by_words_of_it(name: str) -> None:
    assert check_stock(name) == {"product": "red kettle", "pieces": 0, "euro": 44.9}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("kettle", "There is no one product 'kettle'; there are: blue kettle, red kettle."),
        ("boat", "There is no one product 'boat'; there are: blue kettle, red kettle, espresso machine, "),
        ("", "There is no one product ''; there are: blue kettle"),
    ],
)
def test_where_no_one_product_is_meant_those_there_are_are_named(name: str, told: str) -> None:
    with pytest.raises(NotFound) as refused:
        open_shop().find_product(name)
    assert str(refused.value).startswith(told)


def test_amounts_are_read_in_cents_as_they_are_written() -> None:
    assert [read_euro(said) for said in (0.1, 18.5, 249.0, 1)] == [
        Decimal("0.10"),
        Decimal("18.50"),
        Decimal("249.00"),
        Decimal("1.00"),
    ]


@pytest.mark.parametrize("said", [0, -5.0, 0.001, 18.505, 1e9, float("nan"), float("inf")])
def test_what_is_no_amount_is_refused(said: float) -> None:
    with pytest.raises(RefundRefused, match="is no amount to pay back"):
        read_euro(said)
