"""The sidebar: the order of the day's work, and nothing that the person may not open."""

from typing import Any
from unittest.mock import patch

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from django.urls import reverse

from config import urls  # noqa: F401 - loads the console's pages
from config.navigation import list_places
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _list_for(person: User) -> list[dict[str, Any]]:
    request = RequestFactory().get("/admin/")
    request.user = person
    return list_places(request)


def _titles(groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {str(group["title"]): [str(item["title"]) for item in group["items"]] for group in groups}


def _make_staff(*permissions: str) -> User:
    person = User.objects.create_user("olga", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return person


def test_work_comes_first_then_people_then_the_rest() -> None:
    groups = _list_for(User.objects.create_superuser("root"))

    titles = _titles(groups)
    assert list(titles)[:4] == ["Review", "Work", "Agents", "People"]
    assert titles["Review"] == [
        "Inbox",
        "Board",
        "Review queues",
        "Routing rules",
        "Calendars",
        "Missed deadlines",
    ]
    assert titles["Work"] == ["Runs", "Trace", "Workflows", "Workers"]
    assert titles["Agents"] == [
        "Agents",
        "Actors",
        "Mail",
        "Topics",
        "Dead letters",
        "Memory",
        "Breakers",
        "Pools",
    ]
    assert titles["People"] == [
        "Projects",
        "API tokens",
        "Reviewers",
        "Notifications",
        "Messages",
        "Users",
        "Groups",
        "Audit",
    ]
    assert "Support desk" in titles
    assert all(item["icon"] for group in groups for item in group["items"])


def test_every_list_of_the_console_stands_there_once() -> None:
    groups = _list_for(User.objects.create_superuser("root"))

    links = [item["link"] for group in groups for item in group["items"]]
    for page in ("/admin/board/", "/admin/orchestration/run/trace/"):
        links.remove(page)  # of no table
    assert len(links) == len(set(links)) == len(admin.site._registry)


def test_members_find_the_work_and_what_django_lets_them_see() -> None:
    member = make_member("rita", "reviewer")
    member.user_permissions.set(Permission.objects.filter(codename="view_group"))
    titles = _titles(_list_for(member))
    assert titles["Review"] == [
        "Inbox",
        "Board",
        "Review queues",
        "Routing rules",
        "Calendars",
        "Missed deadlines",
    ]
    assert titles["Work"] == ["Runs", "Trace", "Workflows", "Workers"]
    assert titles["People"] == ["Projects", "API tokens", "Reviewers", "Notifications", "Messages", "Groups"]


def test_without_a_membership_there_is_no_work() -> None:
    assert _titles(_list_for(_make_staff("view_ticket", "view_run", "view_group"))) == {"People": ["Groups"]}


def test_adding_alone_opens_no_list() -> None:
    assert _list_for(_make_staff("add_group")) == []


def test_the_page_shows_the_list_and_marks_where_one_is() -> None:
    client = Client()
    client.force_login(make_member("vera", "viewer"))

    page = client.get("/admin/orchestration/workflow/")

    work = page.context["sidebar_navigation"][1]
    assert [(item["title"], item["active"]) for item in work["items"]] == [
        ("Runs", False),
        ("Trace", False),
        ("Workflows", True),
        ("Workers", False),
    ]
    assert "account_tree" in page.content.decode()


def test_signing_in_leads_to_the_console() -> None:
    User.objects.create_superuser("root", password="secret-word")

    answer = Client().post("/admin/login/", {"username": "root", "password": "secret-word"})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_the_inbox_says_how_many_tickets_are_about_to_be_late() -> None:
    person = make_member("rita", "reviewer")
    [inbox, *_] = _list_for(person)[0]["items"]
    assert "badge" not in inbox
    with patch("config.navigation.count_breaching", lambda *_: 1_000):
        [inbox, *_] = _list_for(person)[0]["items"]
        client = Client()
        client.force_login(person)
        page = client.get("/admin/orchestration/workflow/").content.decode()
    assert inbox["badge"] == '<span data-count="breaching">999+</span>'
    assert '<span data-count="breaching">999+</span>' in page


def test_one_place_is_marked_where_a_page_stands_below_another_one_s_address() -> None:
    root = User.objects.create_superuser("root")
    for address, here in (
        (reverse("admin:orchestration_trace"), "Trace"),
        (reverse("admin:orchestration_run_changelist"), "Runs"),
        (reverse("admin:index"), None),
    ):
        request = RequestFactory().get(address)
        request.user = root
        items = [item for group in list_places(request) for item in group["items"]]
        assert [item["title"] for item in items if item["active"]] == ([here] if here else [])
