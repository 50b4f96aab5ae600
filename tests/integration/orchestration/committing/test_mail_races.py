"""Two connections at one mailbox: one actor, one live turn, one answer, and no message twice or forgotten.

`MAIL_ROUNDS=1000` plays the rounds by chance so often; what is made to meet is played once each way.
"""

import contextlib
import itertools
import os
from collections.abc import Callable
from threading import Barrier
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from agents import Result, Task
from agents.domain.calls import CallKind, CallWish, Until
from agents.domain.canonical import canonical_json
from agents.errors import Suspended
from agents.invoke import override
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import StepSpec, WorkflowSpec, actors, runs
from orchestration.actors.replies import reply_to_asks
from orchestration.actors.routing import route
from orchestration.actors.settling import settle_turn
from orchestration.actors.turns import start_turn
from orchestration.dispatch import mute_dispatch
from orchestration.domain.states import LIVE_RUN, ResolutionKind
from orchestration.domain.work import Claim
from orchestration.errors import ClaimLost, TurnNotLatest
from orchestration.executor.asking import send_question
from orchestration.executor.journal import ClaimJournal
from orchestration.journal.waiting import answer_over
from orchestration.maintenance.mail import route_left
from orchestration.maintenance.rescuer import free_stranded
from orchestration.memory.rows import Memory
from orchestration.models import Actor, Call, Delivery, Message, Project, Run, Step, WorkerProcess
from orchestration.testing import drive
from orchestration.transitions.answered import wake_answered
from tests.integration.orchestration.rig import Rig, graph, in_thread, race
from tests.people import make_member

pytestmark = pytest.mark.usefixtures("committed_db")
ROUNDS = int(os.environ.get("MAIL_ROUNDS", "5"))
_keys = itertools.count()


@pytest.fixture(autouse=True)
def _behaviour() -> None:
    publish_behaviour()


def publish_behaviour() -> None:
    """Let there be actors to race for, and nobody here wait for a lock longer than a test may."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '60s'")
    with override({"race.actor": lambda _: 1}):
        step = StepSpec("turn", agent="race.actor", on_failure="abort")
        runs.publish(WorkflowSpec(name="race-actor", actor="race.actor", steps=(step,)))


@pytest.fixture
def address() -> str:
    return new_address()


def new_address() -> str:
    return f"race.actor/{next(_keys)}-{uuid4().hex[:8]}"


def _actor(address: str) -> Actor:
    return actors.find_actor(address)


def send(address: str, body: Any = 1, *, through: str = "code", is_routed: bool = True) -> Message:
    passing = patch("orchestration.actors.sending.pass_on", lambda _: None)
    with mute_dispatch():
        if is_routed:
            return actors.send(address, body, through=through)
        with passing:
            return actors.send(address, body, through=through)


def _start(actor_id: int) -> Any:
    with mute_dispatch():
        return start_turn(actor_id)


def live(address: str) -> list[Run]:
    return list(Run.objects.filter(actor=_actor(address), status__in=LIVE_RUN))


def work(run: Run, does: Callable[[Task], Any] = lambda _: 1) -> None:
    """Perform a turn."""
    drive(run.pk, agents={"race.actor": does})


def states(*sent: Message) -> list[str]:
    """Return what became of messages."""
    return list(Delivery.objects.filter(message__in=sent).order_by("pk").values_list("state", flat=True))


def _end(run: Run) -> None:
    """Let a turn have ended without anybody's having settled it."""
    with mute_dispatch():
        runs.cancel(run.pk, "enough")
    assert Run.objects.get(pk=run.pk).untold


def _at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do these at once, each on a connection of its own."""
    barrier = Barrier(len(acts))

    def begin(act: Callable[[], Any]) -> Any:
        barrier.wait(30)
        with mute_dispatch():
            return act()

    futures = [in_thread(lambda act=act: begin(act)) for act in acts]  # type: ignore[misc]
    return [future.result(timeout=60) for future in futures]


def test_two_first_messages_make_one_actor_and_one_live_turn() -> None:
    for _ in range(ROUNDS):
        address = new_address()
        name, key = address.split("/")
        with patch("orchestration.actors.turns.log") as log:
            _at_once(
                lambda to=address: actors.send(to, "a", through="one"),  # type: ignore[misc]
                lambda to=address: actors.send(to, "b", through="two"),  # type: ignore[misc]
            )
        log.warning.assert_not_called()  # the index over live turns is a net that nobody falls into
        [actor] = Actor.objects.filter(name=name, key=key)
        [turn] = Run.objects.filter(actor=actor)
        assert turn.status == "running"
        assert sorted(Delivery.objects.filter(actor=actor).values_list("state", flat=True)) == [
            "queued",
            "taken",
        ]


def test_of_two_that_start_a_turn_the_second_finds_it_started(address: str) -> None:
    with patch("orchestration.actors.routing.start_turns", lambda _: None):
        send(address)
        send(address)
    actor = _actor(address)
    assert race(lambda: _start(actor.pk), lambda: _start(actor.pk)) is None
    assert len(live(address)) == 1


def test_a_message_beside_the_end_of_a_turn_starts_the_next(address: str) -> None:
    for _ in range(ROUNDS):
        if not Actor.objects.filter(key=address.split("/")[1]).exists():
            send(address)
        [turn] = live(address)
        _end(turn)
        _at_once(lambda run=turn: settle_turn(run.pk), lambda: actors.send(address, "next"))  # type: ignore[misc]
        [following] = live(address)
        assert following.pk != turn.pk
        assert not Delivery.objects.filter(actor=_actor(address), state="queued").exists()


@pytest.mark.parametrize("is_settled_first", [True, False])
def test_a_message_that_meets_the_end_of_a_turn_starts_the_next(address: str, is_settled_first: bool) -> None:
    send(address)
    [turn] = live(address)
    _end(turn)

    def settle() -> None:
        with mute_dispatch():
            settle_turn(turn.pk)

    acts = (settle, lambda: send(address)) if is_settled_first else (lambda: send(address), settle)
    with mute_dispatch():
        race(*acts)
    assert [run.pk for run in live(address)] != [turn.pk]
    assert len(live(address)) == 1


def test_two_that_settle_a_turn_settle_it_once(address: str) -> None:
    send(address)
    [turn] = live(address)
    _end(turn)
    with mute_dispatch():
        assert race(lambda: settle_turn(turn.pk), lambda: settle_turn(turn.pk)) is False


def test_a_retry_beside_the_next_turn_is_refused(address: str) -> None:
    send(address)
    send(address)
    [turn] = live(address)
    _end(turn)

    def retry() -> str:
        try:
            with mute_dispatch():
                runs.retry(turn.pk)
        except TurnNotLatest:
            return "refused"
        return "retried"

    with mute_dispatch():
        assert race(lambda: settle_turn(turn.pk), retry) == "refused"
    assert [run.pk for run in live(address)] != [turn.pk]


def test_a_retry_before_the_next_turn_keeps_it_waiting(address: str) -> None:
    send(address)
    send(address)
    [turn] = live(address)
    _end(turn)
    with mute_dispatch():
        assert race(lambda: runs.retry(turn.pk), lambda: settle_turn(turn.pk)) is False
    assert [run.pk for run in live(address)] == [turn.pk]
    assert Delivery.objects.filter(actor=_actor(address), state="queued").count() == 1


class _Question:
    """An open question of a workflow to an actor, which has got it."""

    def __init__(self, *, is_sent: bool = True) -> None:
        self.rig = Rig.begin(graph({"work": ()}))
        self.address = new_address()
        claim = self.rig.take("work")
        request = canonical_json({"to": self.address, "body": 1})
        journal = ClaimJournal(claim, has_calls=False)
        wish = CallWish("ask#1", CallKind.MESSAGE, "race.actor", request)

        def lose(claim: Claim, *rest: Any) -> None:
            self.rig.free(claim)
            send_question(claim, *rest)

        with (
            mute_dispatch(),
            pytest.raises((Suspended, ClaimLost)),
            patch("orchestration.executor.awaiting.send_question", send_question if is_sent else lose),
        ):
            journal.wait(wish, Until(seconds=3600))
        self.call = Call.objects.get(run=self.rig.run_id)
        if not is_sent:
            return
        self.message = Message.objects.get(asked_by=self.call)
        self.project = self.message.project_id

    def reply(self, *, is_routed: bool = True) -> int:
        reply_to_asks([self.message.pk], '"said"', None)
        return self.pass_on() if is_routed else 0

    def pass_on(self) -> int:
        with mute_dispatch():
            return route(self.project, self.address)

    def time_out(self) -> list[int]:
        return wake_answered(answer_over([self.call.pk]))

    def check(self) -> bool:
        """Return whether the reply won; the other must be told."""
        self.call.refresh_from_db()
        reply = Message.objects.get(answers=self.message)
        is_answered = self.call.response_json == '{"value":"said"}'
        assert is_answered or self.call.response_json == '{"timed_out":true}'
        assert reply.routed_at is not None
        assert reply.refusal == ("" if is_answered else "it came too late: whoever asked waits no more")
        return is_answered


def test_of_a_reply_and_a_timeout_one_wins_and_the_other_is_told() -> None:
    won = set()
    for number in range(ROUNDS):
        question = _Question()
        question.reply(is_routed=False)
        acts = [question.pass_on, question.time_out]
        _at_once(*(acts if number % 2 else reversed(acts)))
        won.add(question.check())
    assert ROUNDS < 100 or won == {True, False}


def test_a_reply_that_meets_a_timeout_is_late_and_the_other_way_round() -> None:
    for is_reply_first in (True, False):
        question = _Question()
        question.reply(is_routed=False)
        acts = (
            (question.pass_on, question.time_out) if is_reply_first else (question.time_out, question.pass_on)
        )
        race(*acts)
        assert question.check() is is_reply_first


def test_two_that_route_an_answer_give_it_once() -> None:
    question = _Question()
    question.reply(is_routed=False)
    race(question.pass_on, question.pass_on)
    assert question.check()


def test_a_zombie_asks_nothing() -> None:
    """A claim that is freed between the opening of a question's call and its sending sends it no more."""
    question = _Question(is_sent=False)
    assert not Message.objects.filter(asked_by=question.call).exists()


def test_of_two_answers_the_first_counts() -> None:
    question = _Question()
    assert (
        race(
            lambda: reply_to_asks([question.message.pk], '"said"', None),
            lambda: reply_to_asks([question.message.pk], '"other"', None),
        )
        == set()
    )
    question.pass_on()
    assert question.check()


def test_two_that_route_deliver_it_once(address: str) -> None:
    sent = send(address, is_routed=False)

    def pass_on() -> int:
        with mute_dispatch():
            return route(sent.project_id, sent.sender)

    race(pass_on, pass_on)
    assert Delivery.objects.filter(message=sent).count() == 1


def test_a_reminder_that_two_maintainers_find_due_comes_once(address: str) -> None:
    send(address)
    [turn] = live(address)
    with patch("orchestration.executor.mailing.route_of_run", lambda _: None):
        work(turn, lambda task: task.remind("later", in_seconds=0))
    sent = Message.objects.get(kind="timer", run=turn.pk)

    def sweep() -> int:
        with mute_dispatch():
            return route_left()

    race(sweep, sweep)
    assert Delivery.objects.filter(message=sent).count() == 1
    assert len(live(address)) == 1


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_key_that_another_transaction_holds_is_one_message_or_free_again(
    address: str, is_kept: bool
) -> None:
    def send_with_key() -> Message:
        with mute_dispatch():
            return actors.send(address, "once", idempotency_key=f"key-{address}")

    kept: list[Message] = []

    def send_first() -> None:
        # A savepoint that is given up: what the other waits for is not there then.
        with contextlib.suppress(RuntimeError), transaction.atomic():
            kept.append(send_with_key())
            if not is_kept:
                raise RuntimeError

    second = race(send_first, send_with_key)
    assert (second.pk == kept[0].pk) is is_kept
    assert Message.objects.filter(to_key=address.split("/")[1]).count() == 1


def test_two_that_route_deliver_once_and_in_order() -> None:
    project = Project.objects.get(slug="default")
    for _ in range(ROUNDS):
        address, sender = new_address(), f"sender-{uuid4().hex[:8]}"
        ids = [send(address, number, through=sender, is_routed=False).pk for number in range(6)]
        _at_once(*[lambda by=sender: route(project.pk, by)] * 3)
        found = Delivery.objects.filter(message__in=ids).order_by("pk")
        assert list(found.values_list("message", flat=True)) == ids
        assert not Message.objects.filter(pk__in=ids, routed_at=None).exists()
        assert len(live(address)) == 1


def test_a_stop_beside_a_message_leaves_nothing_waiting() -> None:
    for _ in range(ROUNDS):
        address = new_address()
        send(address)  # its turn is live, and stays so
        _at_once(lambda to=address: actors.stop(to, "no more"), lambda to=address: actors.send(to, "late"))  # type: ignore[misc]
        found = Delivery.objects.filter(actor=_actor(address)).order_by("message")
        assert list(found.values_list("state", flat=True)) == ["taken", "dead"]


def test_a_stop_between_a_delivery_and_its_turn_leaves_nothing_waiting(address: str) -> None:
    with patch("orchestration.actors.routing.start_turns", lambda _: None):
        send(address)
    actor = _actor(address)
    assert race(lambda: actors.stop(address, "no more"), lambda: _start(actor.pk)) is None
    assert Delivery.objects.get(actor=actor).state == "dead"
    assert live(address) == []


def test_a_zombie_sends_and_keeps_nothing(address: str) -> None:
    """An attempt is freed while it works, and ends with messages: nothing of it is written, but that of the next."""
    tries: list[int] = []

    def free(step: Step) -> None:
        process = WorkerProcess.objects.filter(pk=WorkerProcess.objects.get(steps=step).pk)
        process.update(stopped_at=timezone.now())
        try:
            with mute_dispatch():
                free_stranded()
        finally:
            process.update(stopped_at=None)

    def turn(task: Task) -> int:
        tries.append(task.attempt)
        task.send(address, f"said by try {len(tries)}")
        task.remember("project", address, len(tries))
        task.state = {"try": len(tries)}
        if len(tries) == 1:
            step = Step.objects.get(run=UUID(task.run_id))
            in_thread(lambda: free(step)).result(timeout=20)
        return len(tries)

    other = new_address()
    send(other)
    [run] = live(other)
    drive(run.pk, agents={"race.actor": turn})
    assert len(tries) == 2
    assert list(Message.objects.filter(run=run.pk).values_list("body_json", flat=True)) == ['"said by try 2"']
    assert Step.objects.get(run=run.pk).output == 2
    kept = Memory.objects.filter(run=run.pk).values_list("scope", "version", "value_json")
    assert sorted(kept) == [("actor", 1, '{"try":2}'), ("project", 1, "2")]


def test_a_person_s_output_sends_nothing() -> None:
    """Who gives another output in place of an answer accepts none of what that would have sent."""

    def turn(task: Task) -> Result:
        task.send(other, "of the agent")
        return Result("unsure", confidence=0.1)

    with override({"race.unsure": turn}):
        step = StepSpec("turn", agent="race.unsure", min_confidence=0.9)
        runs.publish(WorkflowSpec(name="race-unsure", actor="race.unsure", steps=(step,)))
    address, other = f"race.unsure/{uuid4().hex[:8]}", new_address()
    send(address)
    [run] = live(address)
    drive(run.pk, agents={"race.unsure": turn})
    person, ticket = make_member(f"anna-{uuid4().hex[:8]}", "reviewer"), Ticket.objects.get(run=run.pk)
    claim_ticket(ticket.pk, person)
    with mute_dispatch():
        resolve_ticket(
            ticket.pk, person, ResolutionKind.EDIT, claim_number=None, seen_digest=None, output="of a person"
        )
    assert Step.objects.get(run=run.pk).output == "of a person"
    assert not Message.objects.filter(run=run.pk).exists()
