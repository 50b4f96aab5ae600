"""The board of breakers and the pools in the console: what they show, and who may change what."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from agents.admission import reset_breaker, take_slots
from agents.models import BreakerEvent, Pool
from tests.integration.agents.admission.scenes import fail, let_probe_pass, state_of, take

pytestmark = pytest.mark.django_db

AGENT = "crm.order_history"
BREAKERS, POOLS = reverse("admin:agents_breaker_changelist"), reverse("admin:agents_pool_changelist")


def sign_in(name: str, *permissions: str) -> Client:
    person = User.objects.create_user(name, is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def viewer() -> Client:
    return sign_in("vera", "view_breaker", "view_pool")


@pytest.fixture
def operator() -> Client:
    return sign_in("olga", "view_breaker", "change_breaker", "view_pool", "change_pool")


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def page_of(agent: str) -> str:
    return reverse("admin:agents_breaker_change", args=(agent.replace("_", "_5F"),))


def test_the_board_says_what_is_open_and_what_is_next(viewer: Client) -> None:
    fail(AGENT, 6)
    fail("shop.inventory", 2)
    page = text_of(viewer.get(BREAKERS))
    assert '<span class="rm-chip rm-open">open</span>' in page
    assert "6 of 6 calls, opens above 5" in page
    assert "Nothing passes; in " in page
    assert "Failures that count now: <b>crm.order_history</b> 6, <b>shop.inventory</b> 2." in page


def test_an_empty_board_says_why(viewer: Client) -> None:
    page = text_of(viewer.get(BREAKERS))
    assert "An agent stands here once its breaker has opened. No agent has failures that count" in page


def test_a_breaker_s_page_tells_its_story(viewer: Client) -> None:
    fail(AGENT, 6)
    fail(AGENT, token=let_probe_pass(AGENT))
    let_probe_pass(AGENT)
    page = text_of(viewer.get(page_of(AGENT)))
    assert "One probe is under way; its answer closes the breaker, its failure doubles the pause." in page
    assert "7 of 7 calls within 1 min; it opens above 5" in page
    assert "the probe failed (transient); the pause is doubled" in page
    assert page.count("<td>transient</td>") == 7
    assert "/reset/" not in page


def test_a_reset_closes_and_names_who_did_it(operator: Client) -> None:
    fail(AGENT, 6)
    page = text_of(operator.get(page_of(AGENT)))
    [address] = re.findall(r'method="post" action="([^"]*/reset/)"', page)
    answer = operator.post(address, follow=True)
    assert f"The breaker of {AGENT} is closed; its steps go on." in text_of(answer)
    assert "Work passes." in text_of(answer)
    assert state_of(AGENT) == "closed"
    assert BreakerEvent.objects.latest("id").by == "olga"
    assert "/reset/" not in text_of(answer)


def test_a_second_reset_says_that_it_was_closed(operator: Client) -> None:
    fail(AGENT, 6)
    reset_breaker(AGENT, by="anna")
    answer = operator.post(
        reverse("admin:agents_breaker_reset", args=(AGENT.replace("_", "_5F"),)), follow=True
    )
    assert "was closed already" in text_of(answer)
    assert BreakerEvent.objects.count() == 2


def test_who_may_only_look_resets_nothing(viewer: Client) -> None:
    fail(AGENT, 6)
    answer = viewer.post(reverse("admin:agents_breaker_reset", args=(AGENT.replace("_", "_5F"),)))
    assert answer.status_code == 403
    assert state_of(AGENT) == "open"


def test_looking_at_the_reset_s_address_resets_nothing(operator: Client) -> None:
    fail(AGENT, 6)
    assert operator.get(reverse("admin:agents_breaker_reset", args=(AGENT,))).status_code == 405
    assert state_of(AGENT) == "open"


def test_a_reset_from_elsewhere_is_refused() -> None:
    fail(AGENT, 6)
    User.objects.create_superuser("root")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get())
    answer = client.post(reverse("admin:agents_breaker_reset", args=(AGENT.replace("_", "_5F"),)))
    assert answer.status_code == 403
    assert state_of(AGENT) == "open"


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_breaker_s_page_takes_no_changes(operator: Client, method: str) -> None:
    fail(AGENT, 6)
    answer = getattr(operator, method)(page_of(AGENT), {"state": "closed"})
    assert answer.status_code == (200 if method == "get" else 405)
    assert state_of(AGENT) == "open"


@pytest.mark.parametrize("agent", ["never.opened", "x" * 300])
def test_an_unknown_breaker_is_not_found(operator: Client, agent: str) -> None:
    assert operator.get(f"{BREAKERS}{agent}/change/").status_code == 404


def test_strangers_see_neither() -> None:
    visitor = sign_in("victor")
    fail(AGENT, 6)
    assert {visitor.get(path).status_code for path in (BREAKERS, POOLS, page_of(AGENT))} == {403}


def test_the_pools_say_how_full_they_are(viewer: Client, settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"gpu": 4}}
    take({"gpu": 3}, step_id=9)
    page = text_of(viewer.get(POOLS))
    assert '<progress class="rm-bar" max="4" value="3"></progress>3 of 4' in page
    assert "settings" in page


def test_a_pool_s_page_names_its_holders(viewer: Client) -> None:
    take({"gpu": 1}, step_id=9)
    page = text_of(viewer.get(reverse("admin:agents_pool_change", args=("gpu",))))
    assert '<td>run 1 / step 9</td><td class="rm-number">1</td>' in page
    assert 'name="size"' not in page


def test_a_holder_s_words_are_shown_as_text(viewer: Client) -> None:
    take_slots({"gpu": 1}, uuid4(), 1, "<script>x</script>")
    page = text_of(viewer.get(reverse("admin:agents_pool_change", args=("gpu",))))
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page


def test_a_person_sets_a_size_and_takes_it_back(operator: Client) -> None:
    take({"gpu": 1})
    path = reverse("admin:agents_pool_change", args=("gpu",))
    assert operator.post(path, {"size": "7"}).status_code == 302
    assert Pool.objects.get().size == 7
    assert "a person" in text_of(operator.get(POOLS))
    assert operator.post(path, {"size": ""}).status_code == 302
    assert Pool.objects.get().size is None


@pytest.mark.parametrize("size", ["-1", "many", "100001"])
def test_a_senseless_size_is_refused_in_the_form(operator: Client, size: str) -> None:
    take({"gpu": 1})
    answer = operator.post(reverse("admin:agents_pool_change", args=("gpu",)), {"size": size})
    [[words]] = answer.context["errors"]
    assert words
    assert Pool.objects.get().size is None
