"""kill -9 between any two commits on the way of a message: each is read by one turn, in order, none is forgotten.

The many deaths of the last test are few here. With fifty senders and twenty deaths it is
`MAIL_SENDERS=50 MAIL_EACH=100 MAIL_ACTORS=10 MAIL_KILLS=20 pytest tests/chaos/test_mail.py -k many`.
"""

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from typing import Any

import pytest
from django.db import connection

from orchestration import actors, runs
from orchestration.domain.states import LIVE_RUN
from orchestration.memory.rows import Memory
from orchestration.models import Actor, Delivery, Message, Run, Step
from tests.chaos.arena import Arena
from tests.chaos.crashapp.talking import COLLECTOR, TALKER, TOPIC, behave
from tests.chaos.messages import lose_all
from tests.processes import SHORT_TIMES

SENDERS = int(os.environ.get("MAIL_SENDERS", "10"))
EACH = int(os.environ.get("MAIL_EACH", "10"))
ACTORS = int(os.environ.get("MAIL_ACTORS", "3"))
KILLS = int(os.environ.get("MAIL_KILLS", "2"))
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 100})


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    runs.publish(behave(TALKER))
    runs.publish(behave(COLLECTOR, mailbox=20, hears=TOPIC))
    return arena


def _is_quiet() -> bool:
    """Return whether all mail was routed and read, and no turn is under way."""
    return not (
        Message.objects.filter(routed_at=None).exists()
        or Delivery.objects.filter(state__in=("queued", "taken")).exists()
        or Run.objects.filter(status__in=LIVE_RUN).exists()
        or Run.objects.filter(actor__isnull=False, untold=True).exists()
    )


def _find_faults() -> list[str]:
    """Judge by what turns put out: each message was read by one turn that succeeded, in the order of its sender."""
    faults = [
        f"delivery {each.pk} is {each.state}: {each.reason}"
        for each in Delivery.objects.exclude(state="done")
    ]
    read: Counter[int] = Counter()
    order: dict[tuple[str, str], list[int]] = defaultdict(list)
    kept: dict[str, list[int]] = defaultdict(list)
    senders = dict(Message.objects.values_list("pk", "sender"))
    turns = Step.objects.filter(run__actor__isnull=False, key="turn", run__status="succeeded")
    for step in turns.select_related("run__actor").order_by("run__created_at", "pk"):
        actor = step.run.actor
        assert actor is not None
        for message in (each["id"] for each in step.run.input["messages"]):
            read[message] += 1
            order[senders[message], actor.address].append(message)
            kept[actor.address].append(message)
    addressed = set(Message.objects.exclude(kind="reply").values_list("pk", flat=True))
    faults += [f"message {each} was read {read[each]} times" for each in addressed if read[each] != 1]
    faults += [f"{pair} read {ids}" for pair, ids in order.items() if ids != sorted(ids)]
    for memory in Memory.objects.filter(scope="actor", replaced_at=None):
        assert memory.value_json is not None
        state = json.loads(memory.value_json)["read"]
        if state != kept[memory.scope_id]:
            faults.append(f"the state of {memory.scope_id} is {state}, and it read {kept[memory.scope_id]}")
    return faults


def _finish(arena: Arena, point: str, *, seconds: float = 120) -> None:
    arena.wait_until(
        lambda: arena.journal.lines("killed", point=point), f"the death at {point}", seconds=seconds
    )
    arena.wait_until(_is_quiet, "all mail to be read", seconds=seconds)
    assert _find_faults() == []


def _list_collected(key: str) -> list[int]:
    steps = Step.objects.filter(run__actor__name=COLLECTOR, run__actor__key=key).order_by("run__created_at")
    return [number for step in steps for number in (step.output or {})["of"]]


@pytest.mark.parametrize(
    ("point", "dies", "way"),
    [
        ("sent_unrouted", "one", "send"),
        ("sent_unrouted", "one", "publish"),
        ("routed_unstarted", "two", "send"),
        ("ended_unsettled", "one", "send"),
        ("begun_undispatched", "one", "send"),
    ],
)
def test_a_death_between_two_commits_of_mail_loses_nothing(
    workers: Arena, point: str, dies: str, way: str
) -> None:
    key = f"{point}-{way}"
    names = {"one": f"{TALKER}/{key}", "two": f"{COLLECTOR}/{key}"}
    before, killed = Message.objects.count(), len(workers.journal.lines("killed"))
    workers.arm(point, names[dies])
    for number in range(3):
        actors.send(names["one"], {"n": number, way: names["two"] if way == "send" else key})
    _finish(workers, point)
    assert len(workers.journal.lines("killed")) == killed + 1
    assert Message.objects.count() == before + 6
    sent = Message.objects.filter(to_key=key, to_name=TALKER).order_by("pk")
    assert _list_collected(key) == list(sent.values_list("pk", flat=True))


def test_a_client_that_dies_with_its_message_written_has_sent_it(workers: Arena) -> None:
    workers.arm("inserted_unrouted", "command")
    address = f"{TALKER}/inserted"
    client = workers.starter.start(
        "client", "manage.py", "send_message", address, "--body", '{"n": 1}', **workers.env
    )
    _finish(workers, "inserted_unrouted")
    assert client.popen.wait(20) == -9
    assert Run.objects.get(actor__key="inserted").status == "succeeded"


@pytest.mark.parametrize("point", ["asked_unsent", "suspended", "answered_unwoken"])
def test_a_death_around_a_question_asks_once_and_gets_the_answer(workers: Arena, point: str) -> None:
    asker, asked = f"{TALKER}/{point}", f"{TALKER}/{point}-asked"
    keys = {"asked_unsent": asker, "suspended": "turn", "answered_unwoken": "*"}
    workers.arm(point, keys[point])
    actors.send(asker, {"n": 1, "ask": asked})
    _finish(workers, point)
    [question] = Message.objects.filter(kind="ask", to_key=f"{point}-asked")
    assert Message.objects.filter(answers=question, is_failure=False).count() == 1
    assert question.asked_by is not None
    assert question.asked_by.state == "done"
    step = Step.objects.get(run__actor__key=point, run__status="succeeded")
    assert (step.output or {})["answers"] == [{"answers": [], "read": [question.pk]}]


def _send_all(number: int, seed: int) -> None:
    """Send one sender's messages, to actors by chance; each is passed on to one collector."""
    chance = random.Random(seed * 1000 + number)
    try:
        for n in range(EACH):
            to = f"{TALKER}/big-{chance.randrange(ACTORS)}"
            actors.send(to, {"n": n, "send": f"{COLLECTOR}/big"}, through=f"peer-{number}")
    finally:
        connection.close()


def test_many_senders_lose_nothing_to_many_deaths(workers: Arena, record_property: Any) -> None:
    seed = int(os.environ.get("MAIL_SEED", "1"))
    chance = random.Random(seed)
    began = time.monotonic()
    threads = [threading.Thread(target=_send_all, args=(number, seed)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    killed, flushed, next_at = 0, 0, time.monotonic() + 1.0

    def look() -> bool:
        nonlocal killed, flushed, next_at
        if killed < KILLS and time.monotonic() >= next_at:
            [one] = workers.supervised
            if one.child.is_running:
                one.child.kill()
                killed += 1
                flushed += lose_all() if killed % 2 else 0
            next_at = time.monotonic() + chance.uniform(1.0, 4.0)
        return not any(thread.is_alive() for thread in threads) and killed >= KILLS and _is_quiet()

    workers.wait_until(look, "all mail to be read", seconds=120 + SENDERS * EACH)
    sent = set(Message.objects.filter(to_key__startswith="big-").values_list("pk", flat=True))
    assert len(sent) == SENDERS * EACH
    assert Counter(_list_collected("big")) == dict.fromkeys(sent, 1)
    assert _find_faults() == []
    # What was in no state that the judge looked at was read by nobody.
    states = Memory.objects.filter(scope="actor", scope_id__startswith=f"{TALKER}/big-", replaced_at=None)
    assert states.count() == Actor.objects.filter(name=TALKER, key__startswith="big-").count()
    seconds = time.monotonic() - began
    figures = f"{len(sent)} messages, {killed} kills, {flushed} task messages purged, {seconds:.0f} s"
    record_property("mail", figures)
