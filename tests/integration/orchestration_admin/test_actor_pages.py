"""Actors, their mail, topics and dead letters on the console: what they say, to whom, and at what cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import Result, Task
from agents.invoke import override
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Delivery, Message, Project, Run, Topic
from orchestration.testing import drive_all
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.people import make_member

pytestmark = pytest.mark.django_db
ACTORS = "/admin/orchestration/actor/"
MAIL = "/admin/orchestration/message/"
DEAD = "/admin/orchestration/delivery/"
TOPICS = "/admin/orchestration/topic/"
Fakes = dict[str, Callable[[Task], Any]]


def _answer(task: Task) -> Result:
    body = task.messages[0].body
    if body == "fail":
        raise PermissionError("no such customer")
    if body == "tell":
        task.send("support.case/told", {"password": "hunter2hunter2", "text": "<b>hello</b>"})
        task.publish("case.updated", {"n": 1})
    if body == "doubt":
        task.send("support.case/told", "later")
        task.publish("case.updated", {"n": 2})
    return Result({"said": "done"}, confidence=0.1 if body == "doubt" else 1.0)


@pytest.fixture
def fakes() -> Fakes:
    """Publish the behaviour of support cases."""
    steps = (StepSpec("turn", agent="support.case", min_confidence=0.9, on_failure="abort"),)
    found: Fakes = {"support.case": _answer}
    with override(found):
        runs.publish(WorkflowSpec(name="support-case", actor="support.case", steps=steps))
    actors.define_topic("case.updated", {"type": "object", "required": ["n"]}, description="Said by cases.")
    return found


def _say(fakes: Fakes, *mail: str) -> None:
    for key in mail:
        actors.send(f"support.case/{key}", key.partition("-")[0])
    drive_all(agents=fakes)


def _page(actor: str) -> str:
    return f"{ACTORS}{Actor.objects.get(key=actor).pk}/change/"


def _count(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(asked)


def test_the_list_says_how_each_actor_stands(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "ok", "fail", "doubt")
    actors.send("support.case/doubt", "next")
    actors.send("support.case/off", "read in a turn that goes on")
    deliver_all()
    actors.stop("support.case/off", "enough")
    rows = {row.key: row for row in operator.get(ACTORS).context["cl"].result_list}
    assert {key: (str(row.life), row.queued, row.dead) for key, row in rows.items()} == {
        "ok": ("idle", 0, 0),
        "fail": ("idle", 0, 1),
        "doubt": ("held", 1, 0),
        "off": ("stopped", 0, 0),
    }
    for life, key in (("held", "doubt"), ("stopped", "off")):
        found = operator.get(ACTORS, {"life": life}).context["cl"].result_list
        assert [row.key for row in found] == [key]
    idle = operator.get(ACTORS, {"life": "idle"}).context["cl"].result_list
    assert {row.key for row in idle} == {"ok", "fail"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"q": "support.case/o"}, {"ok"}),
        ({"q": "ok"}, {"ok"}),
        ({"q": "support"}, {"ok", "fail"}),
        ({"q": "x'; --"}, set()),
        ({"name": "support.case"}, {"ok", "fail"}),
        ({"name": "other"}, set()),
        ({"project": "default"}, {"ok", "fail"}),
        ({"life": "running"}, set()),
    ],
)
def test_the_list_is_narrowed(
    operator: Client, fakes: Fakes, asked: dict[str, str], expected: set[str]
) -> None:
    _say(fakes, "ok", "fail")
    assert {row.key for row in operator.get(ACTORS, asked).context["cl"].result_list} == expected


def test_an_actors_page_says_why_it_stands_so(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "doubt")
    actors.send("support.case/doubt", "<i>next</i>")
    deliver_all()
    turn = Run.objects.get(actor__key="doubt")
    text = text_of(operator.get(_page("doubt")))
    assert "Its turn waits for a person, and its mailbox waits with it. 1 message waits." in text
    assert f'href="/admin/orchestration/run/{turn.pk}/change/"' in text
    assert "Ticket " in text
    assert "&lt;i&gt;next&lt;/i&gt;" in text
    assert "by the first message, of code" in text
    assert '<td class="rm-number">1</td>' in text


def test_an_actors_page_shows_whom_it_made_without_secrets(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "tell")
    told = Actor.objects.get(key="told")
    text = text_of(operator.get(_page("tell")))
    assert f'<td class="rm-key rm-below-1"><a href="{ACTORS}{told.pk}/change/">support.case/told</a>' in text
    assert "hunter2" not in text
    assert "<b>hello" not in text
    made = text_of(operator.get(_page("told")))
    assert f'<td class="rm-key"><a href="{_page("tell")}">support.case/tell</a>' in made
    assert '<td class="rm-key rm-below-1"><b>support.case/told</b>' in made


def test_orders_are_asked_for_and_given(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "doubt")
    actor = Actor.objects.get()
    order = f"{ACTORS}{actor.pk}/order/"
    assert "Park its turn" in text_of(operator.get(_page("doubt")))
    assert "csrfmiddlewaretoken" in text_of(operator.get(f"{order}park/"))
    assert operator.post(f"{order}park/").status_code == 302
    assert Run.objects.get(is_parked=True).actor == actor
    refused = operator.post(f"{order}park/")
    assert refused.status_code == 409
    assert "no turn of &#x27;support.case/doubt&#x27; waits for a person" in text_of(refused)
    assert operator.post(f"{order}stop/", {"reason": "he <u>asked</u> for it"}).status_code == 302
    text = text_of(operator.get(_page("doubt")))
    assert "by olga: he &lt;u&gt;asked&lt;/u&gt; for it" in text
    assert "Start again" in text
    assert operator.post(f"{order}restart/").status_code == 302
    actor.refresh_from_db()
    assert actor.stopped_at is None
    assert operator.post(f"{order}explode/").status_code == 404


def test_only_who_may_run_gives_orders(reviewer: Client, fakes: Fakes) -> None:
    _say(fakes, "fail")
    page = text_of(reviewer.get(_page("fail")))
    assert "/order/" not in page
    assert reviewer.post(f"{ACTORS}{Actor.objects.get().pk}/order/stop/").status_code == 403
    dead = Delivery.objects.get()
    assert reviewer.post(f"{DEAD}again/", {"id": dead.pk}).status_code == 403
    dead.refresh_from_db()
    assert (dead.state, Actor.objects.get().stopped_at) == ("dead", None)


def test_orders_need_the_token_of_the_form(fakes: Fakes) -> None:
    _say(fakes, "ok")
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_member("olga", "operator"))
    assert client.post(f"{ACTORS}{Actor.objects.get().pk}/order/stop/").status_code == 403
    assert Actor.objects.get().stopped_at is None


def test_mail_is_narrowed_by_who_what_and_when(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "tell", "ok")
    told = Message.objects.get(to_key="told")
    published = Message.objects.get(kind="topic")

    def find(**asked: str) -> set[int]:
        return {row.pk for row in operator.get(MAIL, asked).context["cl"].result_list}

    everything = set(Message.objects.values_list("pk", flat=True))
    assert find() == everything
    assert find(sender="support.case/tell") == {told.pk, published.pk}
    assert find(sender="support.case/tell", topic="case.updated") == {published.pk}
    assert find(kind="topic") == {published.pk}
    assert find(q=str(told.pk)) == {told.pk}
    assert find(q="code") == everything - {told.pk, published.pk}
    at = published.sent_at.replace(tzinfo=None).isoformat()
    assert find(topic="case.updated", until=at) == set()
    assert find(topic="case.updated", since=at) == {published.pk}
    wrong = operator.get(MAIL, {"since": "yesterday"})
    assert "since: &#x27;yesterday&#x27; is no time" in text_of(wrong)
    turned = operator.get(MAIL, {"since": "2026-03-02", "until": "2026-03-01T00:00:00+05:30"})
    assert "nothing can lie between" in text_of(turned)
    assert list(wrong.context["cl"].result_list) == []


def test_a_message_says_whence_it_came_and_what_became_of_it(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "tell")
    told = Message.objects.get(to_key="told")
    text = text_of(operator.get(f"{MAIL}{told.pk}/change/"))
    assert f'href="/admin/orchestration/run/{told.run_id}/steps/turn/"' in text
    assert "&lt;b&gt;hello&lt;/b&gt;" in text
    assert "hunter2" not in text
    assert '<span class="rm-chip rm-succeeded">read</span>' in text
    run = text_of(operator.get(f"/admin/orchestration/run/{told.run_id}/change/?show=mail"))
    assert "Turn 1 of" in run
    assert f'href="{MAIL}{told.pk}/change/"' in run
    step = text_of(operator.get(f"/admin/orchestration/run/{told.run_id}/steps/turn/"))
    assert f'href="{MAIL}{told.pk}/change/"' in step


def test_a_held_step_says_what_it_would_send(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "doubt")
    run = Run.objects.get(actor__key="doubt")
    text = text_of(operator.get(f"/admin/orchestration/run/{run.pk}/steps/turn/"))
    assert "Sends 2 messages once its answer is accepted as it stands" in text
    assert "to support.case/told" in text
    assert "to topic case.updated" in text
    assert Message.objects.count() == 1


def test_dead_letters_are_sent_again_one_or_several(operator: Client, fakes: Fakes) -> None:
    _say(fakes, "fail-1", "fail-2", "fail-3")
    listed = operator.get(DEAD)
    assert len(listed.context["cl"].result_list) == 3
    assert "PermissionError: no such customer" in text_of(listed)
    first, second, third = Delivery.objects.order_by("pk")
    assert f"again/?id={first.pk}" in operator.get(DEAD).content.decode()
    page = operator.get(f"{DEAD}again/?id={first.pk}&id={second.pk}")
    assert "Send 2 messages again?" in text_of(page)
    assert Delivery.objects.filter(state="dead").count() == 3
    done = operator.post(f"{DEAD}again/", {"id": [first.pk, second.pk]}, follow=True)
    assert "2 messages are in their mailboxes again." in text_of(done)
    assert set(Delivery.objects.filter(state="dead")) == {third}
    again = operator.post(f"{DEAD}again/", {"id": [first.pk, "x", 10**30]}, follow=True)
    assert "Nothing was sent again" in text_of(again)
    leads = operator.get(f"{DEAD}{third.pk}/change/")
    assert leads.headers["Location"] == f"{MAIL}{third.message_id}/change/"


def test_a_topic_says_what_changed_and_who_hears_it(operator: Client, fakes: Fakes) -> None:
    actors.subscribe("case.updated", "support.case", key="told")
    actors.subscribe("case.updated", "support.case", key_from="body.key", where="body.n > 1")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    actors.define_topic("case.updated", schema, force=True)
    _say(fakes, "tell")
    [row] = operator.get(TOPICS).context["cl"].result_list
    assert (row.version, row.subscriber_count) == (2, 2)
    text = text_of(operator.get(f"{TOPICS}{Topic.objects.get().pk}/change/"))
    assert "/n may be missing" in text
    assert "forced" in text
    assert "support.case/told" in text
    assert "key from body.key, where body.n &gt; 1" in text
    assert "support.case/tell" in text


def test_what_is_of_other_projects_is_not_there(fakes: Fakes) -> None:
    _say(fakes, "fail", "doubt", "tell")
    Project.objects.create(slug="other", name="Other")
    stranger = sign_in(make_member("stella", "admin", "other"))
    for address in (ACTORS, MAIL, DEAD, TOPICS):
        assert list(stranger.get(address).context["cl"].result_list) == []
    dead = Delivery.objects.get(state="dead")
    for address in (
        _page("fail"),
        f"{MAIL}{dead.message_id}/change/",
        f"{DEAD}{dead.pk}/change/",
        f"{TOPICS}{Topic.objects.get().pk}/change/",
        f"{ACTORS}{dead.actor_id}/order/stop/",
    ):
        assert stranger.get(address).status_code == 404
    stranger.post(f"{DEAD}again/", {"id": dead.pk})
    dead.refresh_from_db()
    assert dead.state == "dead"
    assert list(stranger.get(MAIL, {"sender": "code"}).context["cl"].result_list) == []


def test_what_is_no_number_is_not_found(operator: Client, fakes: Fakes) -> None:
    for address in (ACTORS, MAIL, DEAD, TOPICS):
        for wrong in ("x", "9" * 30, "7"):
            assert operator.get(f"{address}{wrong}/change/").status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_rows(operator: Client, fakes: Fakes) -> None:
    def add(numbers: range) -> None:
        for number in numbers:
            actors.define_topic(f"topic.n{number}", {"type": "object", "title": str(number)})
            actors.subscribe(f"topic.n{number}", "support.case", key=f"k{number}")
            actors.send("support.case/hub", f"fail-{number}")
            actors.send(f"support.case/fail{number}", "fail")
            actors.send(f"support.case/tell{number}", "tell")
        drive_all(agents=fakes)

    def count() -> list[int]:
        run = Run.objects.filter(actor__key="tell0").latest("created_at")
        told = Message.objects.filter(kind="topic").earliest("pk")
        addresses = (
            ACTORS,
            MAIL,
            DEAD,
            TOPICS,
            _page("hub"),
            _page("told"),
            f"{MAIL}{told.pk}/change/",
            f"{TOPICS}{Topic.objects.get(name='case.updated').pk}/change/",
            f"/admin/orchestration/run/{run.pk}/change/?show=mail",
        )
        return [_count(operator, address) for address in addresses]

    add(range(3))
    operator.get(ACTORS)
    few = count()
    add(range(3, 12))
    assert count() == few
    assert max(few) <= 45
