"""`breakers` and `pools`, and what the system checks say about pools."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from agents import agent
from agents.admission import reap, set_pool_size
from agents.checks import check_pools
from agents.domain.catalogue import catalogue
from agents.models import BreakerEvent, Pool
from tests.integration.agents.admission.scenes import fail, let_pause_pass, let_probe_pass, state_of, take

pytestmark = pytest.mark.django_db

A = "test.painter"


@pytest.fixture(autouse=True)
def _painter() -> Iterator[None]:
    """An agent that asks for two slots of a pool that nobody sized."""
    before = dict(catalogue._declared)
    agent(A, pools={"brush": 2})(lambda _: 1)
    yield
    with catalogue._lock:
        catalogue._declared = before
        catalogue._rebuild()


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def line_of(text: str, name: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.split()[:1] == [name]]
    return [part.strip() for part in line.split("  ") if part.strip()]


def test_every_known_agent_has_a_line_the_open_ones_first() -> None:
    fail("zoo.keeper", 6)
    fail(A, 2)
    text = run("breakers")
    first, second, *_ = text.splitlines()
    assert first.split() == ["AGENT", "STATE", "FAILURES", "OPENED", "(UTC)", "NEXT"]
    assert second.startswith("zoo.keeper")
    assert line_of(text, "zoo.keeper")[1:3] == ["open", "6 of 6 calls, opens above 5"]
    assert line_of(text, "zoo.keeper")[4].startswith("a probe from ")
    assert line_of(text, A)[1:] == ["closed", "2 of 2 calls, opens above 5", "-", "-"]
    let_pause_pass("zoo.keeper")
    assert line_of(run("breakers"), "zoo.keeper")[4] == "the next step is the probe"
    let_probe_pass("zoo.keeper")
    assert line_of(run("breakers"), "zoo.keeper")[1] == "half open"
    assert line_of(run("breakers"), "zoo.keeper")[4] == "one probe is under way"


def test_breakers_as_json() -> None:
    fail(A, 6)
    [found] = [line for line in json.loads(run("breakers", "--json")) if line["agent"] == A]
    assert (found["state"], found["failures"], found["allowed"], found["is_probing"]) == ("open", 6, 5, False)
    assert found["until"] > found["opened_at"] == found["changed_at"]


def test_a_reset_closes_and_names_who_did_it() -> None:
    fail(A, 6)
    assert line_of(run("breakers", "--reset", A, "--as", "anna"), A)[1] == "closed"
    assert state_of(A) == "closed"
    assert BreakerEvent.objects.latest("id").by == "anna"


def test_a_reset_without_a_name_names_the_command_line() -> None:
    fail(A, 6)
    run("breakers", "--reset", A)
    assert "command line" in BreakerEvent.objects.latest("id").by


def test_a_reset_of_an_agent_nobody_knows_is_refused() -> None:
    with pytest.raises(CommandError, match=r"--reset: there is no agent 'test.paimter'"):
        run("breakers", "--reset", "test.paimter")
    assert not BreakerEvent.objects.exists()


def test_a_pool_is_listed_before_it_is_used() -> None:
    assert line_of(run("pools"), "brush")[1:] == ["0", "1", "settings", A, "-"]
    assert not Pool.objects.exists()


def test_the_holders_are_named() -> None:
    run("pools", "--set", "brush", "3")
    take({"brush": 2}, step_id=5)
    assert line_of(run("pools"), "brush")[1:] == ["2", "3", "a person", A, "2: run 1 / step 5"]


def test_pools_as_json(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"gpu": 4}}
    take({"gpu": 3}, step_id=9)
    found = {line["name"]: line for line in json.loads(run("pools", "--json"))}
    assert found["brush"] == {
        "name": "brush", "size": 1, "held": 0, "set_by": "settings", "agents": [A], "holders": [],
    }  # fmt: skip
    [holder] = found["gpu"]["holders"]
    assert (found["gpu"]["held"], found["gpu"]["size"]) == (3, 4)
    assert (holder["step"], holder["holder"], holder["amount"]) == (9, "run 1 / step 9", 3)


def test_a_size_is_taken_back() -> None:
    run("pools", "--set", "brush", "3")
    run("pools", "--set", "brush", "settings")
    assert Pool.objects.get().size is None


@pytest.mark.parametrize("words", [("brush", "-1"), ("brush", "some"), ("brush", "1000000"), ("Brush!", "1")])
def test_a_senseless_size_or_name_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="--set: "):
        call_command("pools", new_size=list(words))
    assert not Pool.objects.exists()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("brsh", "did you mean brush?"), ("quarry", "`manage.py pools` lists those there are.")],
)
def test_a_pool_that_nobody_asks_for_is_not_sized(name: str, hint: str) -> None:
    with pytest.raises(CommandError, match=f"--set: there is no pool '{name}'") as refused:
        call_command("pools", new_size=[name, "3"])
    assert hint in str(refused.value)
    assert not Pool.objects.exists()


def test_the_maintainer_gives_known_pools_their_row(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"gpu": 4}}
    reap(lambda tokens: tokens)
    reap(lambda tokens: tokens)
    assert set(Pool.objects.values_list("name", "size")) >= {("brush", None), ("gpu", None)}


def faults() -> list[Any]:
    return [message for message in check_pools(databases=["default"]) if "brush" in message.msg]


def test_a_pool_that_nobody_sized_is_an_error() -> None:
    unsized, too_small = faults()
    assert (unsized.id, too_small.id) == ("agents.E002", "agents.E003")
    assert "--set brush NUMBER" in unsized.hint


def test_a_sized_pool_is_fine(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "POOLS": {"brush": 2}}
    assert faults() == []


def test_a_pool_smaller_than_what_is_asked_for_is_an_error() -> None:
    set_pool_size("brush", 1)
    [fault] = faults()
    assert fault.id == "agents.E003"
    assert "asks for 2 slots of the pool 'brush', which has 1" in fault.msg
    set_pool_size("brush", 2)
    assert faults() == []


def test_the_pools_are_not_looked_at_without_a_database() -> None:
    assert check_pools() == []
