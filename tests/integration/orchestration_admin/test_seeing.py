"""No page of the console holds an unseen character: what was written never turns or hides what stands beside it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from agents import Result
from config.seeing import NothingUnseen
from escalation.models import ReviewQueue, Ticket
from orchestration import StepSpec, WorkflowSpec, runs
from orchestration.admin.orders import order_url
from orchestration.models import ApiToken, Project, Run
from orchestration.testing import run_workflow
from tests.integration.api.people import make_key

pytestmark = pytest.mark.django_db

TURNED = "left\u202eright\u200b"
SPEC = WorkflowSpec(
    name="turned",
    description=TURNED,
    steps=(StepSpec("draft", agent="test.writer", input={"said": f"'{TURNED}'"}, when=f"'{TURNED}' != ''"),),
)


def _show(page: str, kind: str = "text/html; charset=utf-8") -> str:
    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(page, content_type=kind)

    return NothingUnseen(answer)(RequestFactory().get("/admin/")).content.decode()


def test_text_is_marked_and_attributes_are_spelled_out() -> None:
    mark = '<span class="rm-unseen">[U+202E]</span>'
    assert _show("<title>a\u202eb</title><p title='c\u202ed'>e\u202ef</p>") == (
        f"<title>a[U+202E]b</title><p title='c[U+202E]d'>e{mark}f</p>"
    )


@pytest.mark.parametrize(
    "page",
    [
        "<p>Größe, 東京, שלום 🙂\r\n\t…</p>",
        "<textarea name='x'>a\u202eb\n</textarea>",
        "<input value='a\u202eb'><select><option value='a\u202eb'></select>",
        "<script>'\u202e'</script>",
    ],
)
def test_ordinary_text_and_what_was_typed_stay_as_they_are(page: str) -> None:
    assert _show(page) == page


def test_what_is_no_page_is_left_alone() -> None:
    assert _show('{"a": "\u202e"}', "application/json") == '{"a": "\u202e"}'


def _addresses(patterns: Any, prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("/admin/") and "(" not in route:
            yield route


def _fill(route: str, run: Run, ticket: Ticket) -> str:
    """Put rows that exist into an address."""
    own = {
        "run": str(run.pk),
        "workflow": str(run.workflow_id),
        "ticket": str(ticket.pk),
        "step": str(ticket.step_id),
        "reviewqueue": str(ReviewQueue.objects.latest("pk").pk),
        "project": str(Project.objects.latest("pk").pk),
        "apitoken": str(ApiToken.objects.get().pk),
        "user": str(User.objects.get().pk),
        "group": str(Group.objects.latest("pk").pk),
    }
    room = route.split("/")[3] if route.count("/") > 3 else ""
    known = {
        "verb": "fork",
        "run_id": str(run.pk),
        "step_id": str(ticket.step_id),
        "ticket_id": str(ticket.pk),
    }
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known.get(found[1], own.get(room, "1")), route)


def test_no_page_shows_an_unseen_character() -> None:
    root = User.objects.create_superuser("root", first_name=TURNED, last_name=TURNED)
    make_key(root, "read")
    ApiToken.objects.update(name=TURNED)
    Group.objects.create(name=TURNED)
    ReviewQueue.objects.create(
        project=Project.objects.create(slug="turned", name=TURNED), slug="turned", name=TURNED
    )
    done = run_workflow(
        SPEC, {TURNED: TURNED}, agents={"test.writer": lambda _task: Result({TURNED: TURNED}, confidence=0.1)}
    )
    runs.pause(done.run.pk, TURNED, root)
    browser = Client()
    browser.force_login(root)

    shown = {
        address: browser.get(address)
        for address in (
            _fill(route, done.run, Ticket.objects.get()) for route in _addresses(get_resolver().url_patterns)
        )
        if "logout" not in address
    }

    pages = {
        address: answer.content.decode() for address, answer in shown.items() if answer.status_code == 200
    }
    html = {address: page for address, page in pages.items() if "<html" in page}
    assert len(html) > 30
    raw = {address: len(re.findall("[\u202e\u200b]", page)) for address, page in html.items()}
    assert {address: count for address, count in raw.items() if count and "/change/" not in address} == {}
    own = {address for address, count in raw.items() if count}
    assert all(re.search("/(user|group|project|reviewqueue)/", address) for address in own), own
    fork = browser.get(order_url(done.run, "fork")).content.decode()
    assert "left\\u202eright" in fork
    assert "left" in html[f"/admin/orchestration/workflow/{done.run.workflow_id}/change/"]
