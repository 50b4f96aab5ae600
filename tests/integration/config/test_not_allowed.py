"""Who opens by hand what takes a button is told so in words, whatever page it belongs to."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db
_BUTTONS = ("delivery_test", "routingrule_preview", "calendar_preview", "ticket_claim_next")


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def _told(answer: Any) -> tuple[int, str, bool]:
    page = answer.content.decode()
    return answer.status_code, answer.headers["Allow"], "Nothing was done" in page and "/admin/" in page


@pytest.mark.parametrize("name", _BUTTONS)
def test_a_button_that_is_opened_by_hand_says_what_to_do(name: str, root: Client) -> None:
    answer = root.get(reverse(f"admin:escalation_{name}"))
    assert _told(answer) == (405, "POST", True)
    assert "takes a button" in answer.content.decode()
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_page_for_reading_says_so_too(root: Client) -> None:
    answer = root.post("/admin/board/")
    assert _told(answer) == (405, "GET, HEAD", True)
    assert "for reading" in answer.content.decode()


def test_programs_get_a_problem_and_nobody_a_page_without_a_method(root: Client) -> None:
    answer = root.put("/api/v1/tickets")
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
