"""What is remembered, on a phone and with a time that was typed into the address."""

import pytest

from orchestration import memory
from tests.browser.conftest import PHONE, People

_LIST = "/admin/orchestration/memory/"


@pytest.fixture
def remembered(transactional_db: None) -> None:
    memory.remember("project", "customer/7", {"last": "A lamp was broken, and a new one was sent. " * 6})


def test_on_a_phone_all_that_a_line_of_the_list_says_is_seen(remembered: None, people: People) -> None:
    console = people.sign_in("reviewer", PHONE, is_touch=True)
    console.open(_LIST)
    cell = console.page.locator("td:has(> .rm-reason)")
    cut, lines = cell.evaluate(
        "(e) => [e.scrollHeight - e.clientHeight, e.firstElementChild.getClientRects()[0].height / 20]"
    )
    assert lines > 2
    assert cut <= 0
    assert console.complaints == []


def test_a_time_that_the_field_can_not_hold_as_it_was_typed_stands_in_it(
    remembered: None, people: People
) -> None:
    console = people.sign_in("reviewer")
    console.open(f"{_LIST}?at=2099-01-01%2014:30:05")
    assert console.page.locator("input[type=datetime-local]").input_value() == "2099-01-01T14:30:05"
    assert console.complaints == []
