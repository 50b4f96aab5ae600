"""Rules of a topic that take long: neither who publishes nor the maintainer is held up by them, and it is told."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.invoke import override
from orchestration import Listen, StepSpec, WorkflowSpec, actors, evaluation, runs
from orchestration.actors.routing import route
from orchestration.domain.mail import MOST_RULES
from orchestration.errors import MessageInvalid, SpecInvalid
from orchestration.evaluation import Allowance, AllowanceSpent
from orchestration.maintenance import mail
from orchestration.models import Delivery, Message, Subscription, Topic
from tests.integration.orchestration.actors.conftest import Behave

pytestmark = pytest.mark.django_db
# A loop in a loop over a list: it goes to a helper.
DEAR = "body.all.all(a, body.all.all(b, a + b >= 0))"
BODY = {"all": list(range(400)), "key": "x"}
ENDLESS = "body.all.all(a, body.all.all(b, body.all.all(c, body.all.all(d, a + b + c + d >= 0))))"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that each dear rule may work; each works a quarter of a second."""
    seen: list[float] = []

    def evaluate(
        _source: str, _values: Any, seconds: float, _most: int, spend: Callable[[float], None]
    ) -> Any:
        seen.append(seconds)
        spend(0.25)
        return True

    monkeypatch.setattr(evaluation._helpers, "evaluate", evaluate)
    # What this thread needs to count the values is its own matter, and differs from machine to machine.
    monkeypatch.setattr("orchestration.evaluation.time.thread_time", lambda: 0.0)
    return seen


@pytest.fixture
def topic(behave: Behave) -> Topic:
    """A topic with a thousand dear rules, as they were made before rules had a limit, and a cheap one made last."""
    behave("audit.case", lambda _: 1)
    topic = actors.define_topic("case.updated")
    Subscription.objects.bulk_create(
        Subscription(topic=topic, name="audit.case", key_from=f"'dear-{number}'", where=DEAR)
        for number in range(1_000)
    )
    Subscription.objects.create(topic=topic, name="audit.case", key_from="body.key")
    return topic


def _publish(count: int) -> list[Message]:
    return [actors.publish("case.updated", BODY, through="clerk") for _ in range(count)]


def test_whoever_publishes_leaves_to_the_maintainer_what_takes_long(topic: Topic, asked: list[float]) -> None:
    [sent] = _publish(1)
    assert route(topic.project_id, "clerk") == 0
    assert asked == [0.5, 0.25]
    assert Delivery.objects.count() == 0
    sent.refresh_from_db()
    assert sent.routed_at is None


def test_the_maintainer_ends_at_the_limit_and_tells_whom_it_did_not_ask(
    topic: Topic, asked: list[float]
) -> None:
    first, second = _publish(2)
    asked.clear()
    assert route(topic.project_id, "clerk", is_patient=True) == 1
    assert asked == [1.0, 0.75, 0.5, 0.25]  # of the last it was not asked for whom
    keys = list(Delivery.objects.values_list("actor__key", flat=True))
    assert sorted(keys) == ["dear-0", "dear-1", "dear-2", "x"]
    first.refresh_from_db()
    assert "997 rules of its topic were not asked, of subscriptions of audit.case" in first.refusal
    second.refresh_from_db()
    assert second.routed_at is None  # the next sweep's
    assert route(topic.project_id, "clerk", is_patient=True) == 1
    assert list(Delivery.objects.filter(actor__key="x").values_list("message", flat=True)) == [
        first.pk,
        second.pk,
    ]


@pytest.mark.usefixtures("asked")
def test_what_others_send_goes_on_beside_it(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_PATIENCE_SECONDS", 0.0)
    assert topic.subscriptions.count() > MOST_RULES
    slow = _publish(3)
    quick = actors.send("audit.case/quick", 1, through="quick")
    mail.route_left()
    quick.refresh_from_db()
    assert quick.routed_at is not None
    assert Message.objects.filter(pk__in=[each.pk for each in slow], routed_at=None).count() < 3


def test_a_topic_has_so_many_rules_and_no_more(behave: Behave) -> None:
    fakes = behave("audit.case", lambda _: 1)
    topic = actors.define_topic("case.updated")
    Subscription.objects.bulk_create(
        Subscription(topic=topic, name="audit.case", key_from=f"'{number}'") for number in range(MOST_RULES)
    )
    with pytest.raises(MessageInvalid, match=r"key_from: topic 'case\.updated' has 200 rules"):
        actors.subscribe("case.updated", "audit.case", key_from="'another'")
    assert actors.subscribe("case.updated", "audit.case", key_from="'1'").key_from == "'1'"
    actors.subscribe("case.updated", "audit.case", key="a-member")
    listening = WorkflowSpec(
        name="other",
        actor="other.case",
        listens=(Listen("case.updated", key="'one more'"),),
        steps=(StepSpec("turn", agent="audit.case"),),
    )
    with override(fakes), pytest.raises(SpecInvalid, match=r"topic 'case\.updated' has 200 rules"):
        runs.publish(listening)
    assert topic.subscriptions.filter(key="").count() == MOST_RULES


def test_an_allowance_ends_what_would_go_on_for_ever() -> None:
    allowance = Allowance(0.3)
    assert allowance.evaluate("body.key", {"body": BODY}) == "x"
    with pytest.raises(AllowanceSpent, match="takes more than"):
        allowance.evaluate(ENDLESS, {"body": BODY})
    assert allowance.seconds <= 0
    with pytest.raises(AllowanceSpent, match="not looked at"):
        allowance.evaluate("body.key", {"body": BODY})
