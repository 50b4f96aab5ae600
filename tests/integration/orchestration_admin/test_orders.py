"""Orders from the run's page: who sees which buttons, that they are asked for, obeyed, and refused in words."""

import json
from typing import Any

import pytest
from django.test import Client

from orchestration import runs
from orchestration.dispatch import mute_dispatch
from orchestration.models import Event, Run
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.integration.orchestration_admin.growing_scenes import find_child, play_tree
from tests.integration.orchestration_admin.scenes import doubt, play_letter, refuse
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def held() -> Run:
    return play_letter(writer=doubt).run


def _url(run: Run, verb: str) -> str:
    return f"/admin/orchestration/run/{run.pk}/order/{verb}/"


def _order(client: Client, run: Run, verb: str, **given: str) -> Any:
    with mute_dispatch():
        return client.post(_url(run, verb), given, follow=True)


def _buttons(client: Client, run: Run) -> list[str]:
    page = client.get(f"/admin/orchestration/run/{run.pk}/change/")
    return [order.label for order in page.context["orders"]]


def test_the_buttons_fit_how_the_run_stands(operator: Client, held: Run) -> None:
    assert _buttons(operator, held) == ["Pause", "Cancel", "Fork"]
    runs.pause(held.pk)
    assert _buttons(operator, held) == ["Resume", "Cancel", "Fork"]
    runs.cancel(held.pk)
    assert _buttons(operator, held) == ["Retry", "Fork"]
    assert _buttons(operator, play_letter().run) == ["Fork"]


def test_a_child_run_is_retried_with_its_parent(operator: Client) -> None:
    run = play_tree(leaf=refuse).run
    assert _buttons(operator, run) == ["Retry", "Fork"]
    assert _buttons(operator, find_child(run)) == ["Fork"]


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
def test_who_may_only_look_has_no_buttons_and_is_refused(role: str, held: Run) -> None:
    client = sign_in(make_member("vera", role))
    assert _buttons(client, held) == []
    for verb in ("pause", "cancel", "fork"):
        assert client.get(_url(held, verb)).status_code == 403
        assert _order(client, held, verb).status_code == 403
    assert runs.get_run(held.pk).status == "running"
    assert Run.objects.count() == 1


def test_a_foreign_run_can_not_be_ordered_about(visitor: Client, held: Run) -> None:
    assert visitor.get(_url(held, "cancel")).status_code in {403, 404}
    assert _order(visitor, held, "cancel").status_code in {403, 404}
    assert runs.get_run(held.pk).status == "running"


def test_looking_at_the_question_changes_nothing(operator: Client, held: Run) -> None:
    page = operator.get(_url(held, "cancel"))
    assert page.status_code == 200
    assert "Cancel this run?" in text_of(page)
    assert 'name="csrfmiddlewaretoken"' in page.content.decode()
    assert runs.get_run(held.pk).status == "running"


def test_an_order_needs_its_csrf_token(held: Run) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_member("otto", "operator"))
    assert client.post(_url(held, "cancel")).status_code == 403
    assert runs.get_run(held.pk).status == "running"


@pytest.mark.parametrize(
    ("verbs", "status", "kind"),
    [
        (["pause"], "paused", "run_paused"),
        (["pause", "resume"], "running", "run_resumed"),
        (["cancel"], "cancelled", "run_cancelled"),
        (["cancel", "retry"], "running", "run_retried"),
    ],
)
def test_an_order_is_obeyed_and_says_who_gave_it(
    operator: Client, held: Run, verbs: list[str], status: str, kind: str
) -> None:
    pages = [_order(operator, held, verb, reason="the shop is closed") for verb in verbs]
    for page in pages:
        assert page.redirect_chain == [(f"/admin/orchestration/run/{held.pk}/change/", 302)]
    assert runs.get_run(held.pk).status == status
    assert f"the run is {status} now." in text_of(pages[-1])
    line = Event.objects.filter(run=held, kind=kind).latest("id")
    assert "the shop is closed" in line.data_json
    assert "olga" in line.data_json


def test_a_fork_opens_the_new_run(operator: Client, held: Run) -> None:
    page = operator.get(_url(held, "fork"))
    assert page.context["keys"] == ["facts", "draft", "send"]
    assert page.context["from_step"] == "draft"  # the one in trouble

    done = _order(operator, held, "fork", from_step="draft", input='{"text": "Where is my chair?"}')

    fork = Run.objects.get(forked_from=held)
    assert done.redirect_chain == [(f"/admin/orchestration/run/{fork.pk}/change/", 302)]
    assert fork.input == {"text": "Where is my chair?"}
    assert "what was done before was taken over" in text_of(done)
    assert runs.get_run(held.pk).status == "running"


def test_a_fork_form_that_is_sent_twice_makes_one_run(operator: Client, held: Run) -> None:
    form, other = (operator.get(_url(held, "fork")).context["form"] for _ in range(2))

    first, again = (_order(operator, held, "fork", form=form, from_step="draft") for _ in range(2))
    assert first.redirect_chain == again.redirect_chain
    assert Run.objects.filter(forked_from=held).count() == 1

    # Another form, and the same one filled in otherwise, are other wishes.
    _order(operator, held, "fork", form=other, from_step="draft")
    _order(operator, held, "fork", form=form, from_step="facts")
    assert Run.objects.filter(forked_from=held).count() == 3


def test_a_fork_form_that_was_refused_is_the_same_form(operator: Client, held: Run) -> None:
    page = _order(operator, held, "fork", form="f17", from_step="draft", input="{")
    assert 'name="form" value="f17"' in text_of(page)


@pytest.mark.parametrize(
    ("given", "words", "status"),
    [
        ({"from_step": "draft", "input": "{"}, "input: no valid JSON at line 1, column 2", 400),
        ({"from_step": "draft", "input": "[" * 100_000}, "input: ", 400),
        ({"from_step": "nowhere"}, "has no step &#x27;nowhere&#x27;", 404),
        ({"from_step": "<script>"}, "&lt;script&gt;", 404),
    ],
)
def test_a_fork_that_can_not_be_is_refused_and_keeps_what_was_filled_in(
    operator: Client, held: Run, given: dict[str, str], words: str, status: int
) -> None:
    page = _order(operator, held, "fork", **given)
    assert page.status_code == status
    assert "Nothing was done:" in text_of(page)
    assert words in text_of(page)
    if "input" in given:
        assert page.context["given"] == given["input"]
    else:
        assert json.loads(page.context["given"]) == held.input
    assert not Run.objects.filter(forked_from=held).exists()


def test_an_order_that_comes_too_late_is_refused_in_words(operator: Client) -> None:
    run = play_letter().run
    page = _order(operator, run, "cancel", reason="too late")
    assert page.status_code == 409
    assert "has succeeded; there is nothing to cancel" in text_of(page)
    assert page.context["given"] == "too late"


@pytest.mark.parametrize("path", ["order/destroy/", "order/"])
def test_nobody_can_order_what_there_is_not(operator: Client, held: Run, path: str) -> None:
    assert operator.get(f"/admin/orchestration/run/{held.pk}/{path}").status_code in {302, 404}
    assert operator.post(f"/admin/orchestration/run/{held.pk}/order/destroy/").status_code == 404
