"""Every page of the console can be read and used: by axe-core nothing serious, and on a phone with a thumb.

The pages are those of the console's own addresses; a new one with an argument has to be given a scene here.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.urls import URLResolver, get_resolver, reverse

from config import urls  # noqa: F401 - loads the console's pages
from escalation.escrow import claim_ticket, comment_on, resolve_ticket, save_calendar
from escalation.models import Breach, EscalationLevel, Preference, ReasonCode, RoutingRule, SlaTarget, Ticket
from orchestration import memory
from orchestration.domain.states import ResolutionKind
from orchestration.models import Actor, Project
from tests.browser.axe import look
from tests.browser.conftest import Console, People
from tests.integration.agents.admission.scenes import fail, take
from tests.integration.escalation.desk import hold
from tests.integration.orchestration_admin.scenes import play_letter, refuse
from tests.people import give_role, make_member

_TICKETS: Final = "/admin/escalation/ticket/"
# Django's own, alike for all rows; one of each is looked at below.
_ALIKE: Final = ("_history", "_delete", "_password_change")
# Answered with something else than a page, or with a page that says "this address takes a button only".
_NO_PAGES: Final = frozenset(
    {"view_on_site", "app_list", "logout", "jsi18n", "autocomplete", "search", "agents_breaker_reset"}
    | {"escalation_auditline_export", "escalation_delivery_again", "escalation_delivery_test"}
    | {
        "orchestration_trace_export",
        "escalation_calendar_preview",
        "escalation_routingrule_preview",
        "escalation_agent_threshold",
        "escalation_ticket_again",
        "escalation_ticket_claim_next",
    }
    # There only where the setting asks for a second factor: looked at in the test of that.
    | {"second_factor", "second_factor_set_up"}
    | {"escalation_ticket_keep_view", "escalation_ticket_forget_view", "escalation_ticket_choose_together"}
)
_BUTTONS: Final = (
    "claim release keep_draft discard_draft ask_abort resolve comment snooze preview_together resolve_together"
    " take_back release_together pause resume replan assign"
)
"""Of a ticket: pressed, never opened."""


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Return the console's addresses: (address, name, what stands in it)."""
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern, address)
        elif address.startswith("admin/") and pattern.name:
            yield address, pattern.name, tuple(pattern.pattern.converters)


def _list_pages(given: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return name -> address of all pages; what an address needs comes from the table or from the first row."""
    found = {}
    buttons = {f"escalation_ticket_{name}" for name in _BUTTONS.split()}
    for _, name, arguments in _patterns(get_resolver()):
        if name in _NO_PAGES | buttons or name.endswith(_ALIKE):
            continue
        if not arguments:
            found[name] = reverse(f"admin:{name}") if name != "board" else reverse("board")
        elif name.endswith("_change"):
            app, model_name = name.removesuffix("_change").split("_")
            model = apps.get_model(app, model_name)
            if (row := model._default_manager.order_by("pk").first()) is not None:
                found[name] = reverse(f"admin:{name}", args=(quote(row.pk),))
        else:
            found[name] = reverse(f"admin:{name}", kwargs=given[name])
    return found


def _settle(person: User, ticket: Ticket) -> None:
    """Give the queue of a ticket whatever its page can show."""
    queue, project = ticket.queue, Project.objects.get(slug="default")
    SlaTarget.objects.get_or_create(
        queue=queue, sla="internal", defaults={"first_touch_seconds": 60, "resolution_seconds": 300}
    )
    ReasonCode.objects.create(queue=queue, code="tone", label="The tone is wrong", kinds=["send_back"])
    RoutingRule.objects.create(project=project, queue=queue, position=1, name="Unsure", confidence_to=0.5)
    EscalationLevel.objects.create(queue=queue, level=1, after_percent=75).groups.add(*Group.objects.all())
    # Of oneself only, so of whoever looks.
    Preference.objects.create(user=User.objects.create_superuser("reviewer"), queue=queue)
    save_calendar(project, "Office", "Europe/Berlin", {"mon": ["09:00-17:00"]}, [], user=person)
    late = ticket.due_at
    Breach.objects.create(
        ticket=ticket, deadline="resolution", due_at=late, found_at=late + timedelta(seconds=1)
    )


@pytest.fixture
def pages(transactional_db: None) -> dict[str, str]:
    """Bring every colour onto the pages: tickets free, taken and decided, runs done and held, a breaker, a pool."""
    person = make_member("anna", "reviewer")
    (free,), (taken,), (done,) = hold(), hold(), hold()
    give_role(person, free.queue, "lead")
    _settle(person, free)
    comment_on(free.pk, person, "Wait for the carrier.")
    claim_ticket(taken.pk, person)
    done = claim_ticket(done.pk, person)
    resolve_ticket(
        done.pk,
        person,
        ResolutionKind.EDIT,
        claim_number=done.claim_number,
        seen_digest=done.seen_digest,
        output={"body": "Dear Ada,\nit is here."},
    )
    held, ended = play_letter(writer=refuse).run, play_letter().run
    fail("crm.order_history", 6)
    take({"gpu": 1}, step_id=9)
    owner = Project.objects.get(slug="default")
    actor = Actor.objects.create(project=owner, name="support.case", key="4711", made_by="code")
    memory.remember("project", "customer/7", {"tone": "short"}, about="customer/7", reason="she said so")
    known = memory.remember(
        "project", "customer/7", {"tone": "short", "letter": "x" * 200}, about="customer/7"
    )
    memory.remember("project", "customer/8", 1)
    memory.forget(key="customer/8", reason="asked")
    given: dict[str, dict[str, Any]] = {
        "orchestration_run_step": {"run_id": held.pk, "key": "draft"},
        "orchestration_run_order": {"run_id": ended.pk, "verb": "fork"},
        "orchestration_actor_order": {"actor_id": actor.pk, "verb": "stop"},
        "escalation_agent": {"agent": "test.writer"},
        "escalation_ticket_whole": {"ticket_id": free.pk, "part": "proposal"},
        "escalation_ticket_alike": {"ticket_id": free.pk},
    }
    return {
        **_list_pages(given),
        "free ticket": f"{_TICKETS}{free.pk}/change/",
        "taken ticket": f"{_TICKETS}{taken.pk}/change/",
        "decided ticket": f"{_TICKETS}{done.pk}/change/",
        "a memory that is forgotten": f"/admin/orchestration/memory/{known.pk + 1}/change/",
        "a version of a memory": f"/admin/orchestration/memory/write/?id={known.pk}",
        "forgetting a key": f"/admin/orchestration/memory/forget/?id={known.pk}",
        "forgetting somebody": "/admin/orchestration/memory/forget/?about=customer/7",
        "memory as it stood": "/admin/orchestration/memory/?at=2026-03-01T14:30&like=short",
        "button's address": f"{_TICKETS}{free.pk}/resolve/",
        "held run": reverse("admin:orchestration_run_change", args=(held.pk,)),
        "history": reverse("admin:escalation_reviewqueue_history", args=(free.queue_id,)),
        "password": reverse("admin:auth_user_password_change", args=(person.pk,)),
    }


def _walk_through_ticket(console: Console) -> list[str]:
    """Look at what stands behind the buttons of the free ticket, whose page is open."""
    page, found = console.page, []
    page.get_by_role("button", name="Claim and decide").click()
    page.wait_for_load_state()
    found += look(console, "own ticket")
    page.get_by_role("button", name="Abort the run …").click()
    page.wait_for_load_state()
    return found + look(console, "abort")


def test_no_page_has_anything_serious(pages: dict[str, str], console: Console) -> None:
    page, found, looked_at = console.page, [], 0
    for name, path in pages.items():
        answer = page.goto(console.address + path)
        assert answer is not None
        # A form for rows that nobody adds by hand is refused, also to a superuser.
        if answer.status == 403 and name.endswith("_add"):
            continue
        if answer.status not in {200, 405}:
            found.append(f"{name}: answered with {answer.status}")
            continue
        looked_at += 1
        found += look(console, name)
        if name == "free ticket":
            found += _walk_through_ticket(console)
    page.context.clear_cookies()
    page.goto(f"{console.address}/admin/login/")
    assert looked_at > 60
    assert "\n".join(found + look(console, "sign in")) == ""


def test_what_is_wrong_is_found(people: People) -> None:
    console = people.sign_in("reviewer")
    console.open_live("/admin/board/")
    assert look(console, "board") == []
    # Set by a script, since the content security policy allows no other inline style.
    console.page.evaluate(
        """() => { document.querySelectorAll("h1, h1 *").forEach((e) => { e.style.color = "rgb(150 150 150)"; });
        document.querySelector("select").closest("label, div").querySelectorAll("label").forEach((e) => e.remove());
        document.body.append(document.createElement("button")); }"""
    )
    kinds = {one.split(": ")[1] for one in look(console, "board")}
    assert {"color-contrast", "button-name"} <= kinds
