"""An empty list says what would appear in it and where else to look."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config import urls  # noqa: F401 - loads the console's pages
from config.navigation import _GROUPS

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    return client


def _lists() -> list[str]:
    return [f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry]


@pytest.mark.parametrize("name", _lists())
def test_no_list_tells_people_to_create_what_the_engine_creates(chief: Client, name: str) -> None:
    page = chief.get(reverse(f"admin:{name}_changelist")).content.decode()

    assert "yielded into no results" not in page
    assert "Create a new item" not in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("escalation_ticket", "A ticket appears when an agent is unsure"),
        ("escalation_breach", "No deadline was missed."),
        ("orchestration_run", "`manage.py start_run`"),
        ("orchestration_workerprocess", "nothing is worked off"),
        ("agents_breaker", "No breaker has opened."),
        ("agents_pool", "No pool is in use."),
    ],
)
def test_an_empty_list_says_what_would_appear(chief: Client, name: str, words: str) -> None:
    assert words in chief.get(reverse(f"admin:{name}_changelist")).content.decode()


def test_a_list_that_filters_emptied_says_so(chief: Client) -> None:
    page = chief.get(
        reverse("admin:escalation_ticket_changelist") + "?state=resolved&q=lamp"
    ).content.decode()

    assert "Nothing matches" in page
    assert "the search for “lamp”" in page
    assert "Show them without filters" in page


def test_every_list_of_ours_has_words_of_its_own() -> None:
    ours = {label for places in _GROUPS.values() for label in places if not label.startswith("auth.")}
    admins = {f"{m._meta.app_label}.{m._meta.object_name}": a for m, a in admin.site._registry.items()}

    assert [label for label in ours if not getattr(admins[label], "empty_words", "")] == []
