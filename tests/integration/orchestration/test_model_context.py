"""What agents of models read again of what they were handed in short, and how a long conversation is sent to one."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from pydantic_ai import Agent, RunContext

from agents import Call, TransientError, model_agent
from orchestration import Retry, StepSpec, WorkflowSpec, runs
from orchestration.domain.bundle import verify_file
from orchestration.executor.journal import ClaimJournal
from orchestration.models import Call as CallRow
from orchestration.models import CallTry, Event, Handoff, Summary
from orchestration.testing import FinishedRun, call, run_workflow, scripted
from tests.integration.orchestration.test_model_agents import _die_once

pytestmark = pytest.mark.django_db

_ROWS = [{"id": n, "text": f"row {n} " * 20} for n in range(400)]
_FAILS: list[Exception] = []
_MOST = 2_000


@pytest.fixture(autouse=True)
def _calm() -> None:
    _FAILS.clear()


@model_agent("context.reader")
def reader(durable: Any) -> Agent[Call, str]:
    agent = Agent("fast", deps_type=Call, capabilities=durable, name="reader")

    @agent.tool_plain
    def note(text: str) -> str:
        if _FAILS:
            raise _FAILS.pop()
        return text

    return agent


@model_agent("context.own")
def own(durable: Any) -> Agent[Call, str]:
    agent = Agent("fast", deps_type=Call, capabilities=durable, name="own")

    @agent.tool_plain
    def fetch(of: str) -> str:
        return f"my own {of}"

    return agent


@model_agent("context.talker", context_tokens=_MOST)
def talker(durable: Any) -> Agent[Call, str]:
    agent = Agent(
        "fast", deps_type=Call, capabilities=durable, name="talker", instructions="Say lamps, never lights."
    )

    @agent.tool
    def look(_ctx: RunContext[Call], n: int) -> dict[str, Any]:
        if _FAILS:
            raise _FAILS.pop()
        return {"order": f"A-{1000 + n}", "text": f"The lamp of shelf {n} is broken. " * 20}

    return agent


def _go(agent: str, script: Any, facts: Any = None, retries: int = 3, **fields: Any) -> FinishedRun:
    retry = Retry(max_attempts=retries, backoff_base_seconds=0, jitter_seconds=0)
    steps = (
        StepSpec("facts", agent="test.facts"),
        StepSpec("use", agent=agent, needs=("facts",), retry=retry, **fields),
    )
    given = {"test.facts": lambda _task: {"rows": _ROWS} if facts is None else facts}
    return run_workflow(
        WorkflowSpec(name="models-read", steps=steps), {}, agents=given, models={"fast": script}
    )


def _of(messages: Any) -> str:
    text = messages[0].parts[0].content
    return str(text[text.index('"of":"') + 6 :][:64])


def _last(messages: Any) -> Any:
    return messages[-1].parts[-1].content


def _tools_of(done: FinishedRun) -> list[list[str]]:
    rows = CallRow.objects.filter(run=done.run, kind="model").order_by("pk")
    return [json.loads(row.request_json)["tools"] for row in rows]


def _check_proofs(done: FinishedRun) -> None:
    assert runs.verify(done.run.pk).fault is None
    assert verify_file(runs.bundle(done.run.pk)).fault is None


def test_a_model_reads_a_part_of_what_it_was_handed_in_short() -> None:
    def answer(messages: Any, n: int) -> Any:
        return call("fetch", of=_of(messages), pointer="/rows/3") if n == 0 else json.dumps(_last(messages))

    done = _go("context.reader", scripted(answer))
    assert done.status == "succeeded"
    assert json.loads(done.outputs["use"]) == {"value": _ROWS[3], "is_whole": True}
    assert _tools_of(done)[0] == ["note", "fetch"]
    [row] = Handoff.objects.filter(run=done.run, kind="fetch")
    assert (row.pointer, row.original_digest) == ("/rows/3", done.steps["facts"].output_digest)
    assert done.calls("use") == ["model", "tool:fetch", "model"]
    _check_proofs(done)


def test_where_nothing_was_shortened_there_is_nothing_to_fetch() -> None:
    done = _go("context.reader", scripted(["done"]), facts="small")
    assert _tools_of(done) == [["note"]]


def test_an_agents_own_tool_of_that_name_stays_its_own() -> None:
    done = _go("context.own", scripted([call("fetch", of="x"), "done"]))
    assert (done.status, _tools_of(done)[0]) == ("succeeded", ["fetch"])
    assert (
        json.loads(CallRow.objects.get(run=done.run, name="fetch").response_json or "")["result"]
        == "my own x"
    )
    assert not Handoff.objects.filter(run=done.run, kind="fetch").exists()


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"of": "0" * 64}, "no original with digest '00000000"),
        ({"of": ""}, "no original with digest ''"),
        ({"pointer": "/rows/4000"}, "nothing stands at '/rows/4000' of 'facts'"),
        ({"pointer": "rows"}, "pointer 'rows' is no JSON pointer"),
        ({"limit": 0}, "limit is 0; give a number of tokens from 1"),
    ],
)
def test_what_can_not_be_fetched_is_told_to_the_model(wish: dict[str, Any], why: str) -> None:
    told: list[str] = []

    def answer(messages: Any, n: int) -> Any:
        if n == 0:
            return call("fetch", **({"of": _of(messages)} | wish))
        told.append(str(_last(messages)))
        return "gave up"

    done = _go("context.reader", scripted(answer))
    assert (done.status, done.outputs["use"]) == ("succeeded", "gave up")
    assert why in told[0]
    assert not Handoff.objects.filter(run=done.run, kind="fetch").exists()
    _check_proofs(done)


def test_what_a_model_fetches_counts_against_the_tokens_of_the_attempt(settings: LazySettings) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FETCH_TOKENS": 100}
    told: list[str] = []

    def answer(messages: Any, n: int) -> Any:
        if n < 3:
            return call("fetch", of=_of(messages), pointer=f"/rows/{n}", limit=60)
        told.append(str(_last(messages)))
        return "done"

    done = _go("context.reader", scripted(answer))
    assert done.status == "succeeded"
    assert "are over FETCH_TOKENS" in told[0]
    assert 1 <= Handoff.objects.filter(run=done.run, kind="fetch").count() < 3


def test_a_later_attempt_is_answered_from_the_journal_and_its_reads_are_told_and_counted(
    settings: LazySettings,
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "FETCH_TOKENS": 60}
    _FAILS.append(TransientError("down"))
    told: list[str] = []

    def answer(messages: Any, n: int) -> Any:
        if n == 0:
            return call("fetch", of=_of(messages), pointer="/rows/3", limit=60)
        if n == 1:
            return call("note", text="x")
        if n == 2:
            return call("fetch", of=_of(messages), pointer="/rows/4", limit=60)
        told.append(str(_last(messages)))
        return "done"

    done = _go("context.reader", scripted(answer))
    assert (done.status, done.steps["use"].attempt) == ("succeeded", 2), done.steps["use"].reason
    rows = Handoff.objects.filter(run=done.run, kind="fetch").order_by("pk")
    assert list(rows.values_list("attempt__number", "pointer")) == [(1, "/rows/3"), (2, "/rows/3")]
    assert "are over FETCH_TOKENS" in told[0]
    assert CallTry.objects.filter(call__run=done.run, call__name="fetch").count() == 2
    _check_proofs(done)


_LOOKS = 14


def _look(seen: list[Any], looks: int = _LOOKS) -> Any:
    """Return a script that looks often, and keeps what it was sent."""

    def answer(messages: Any, n: int) -> Any:
        seen.append(messages)
        return call("look", n=n) if n < looks else "done"

    return scripted(answer)


def _talk(seen: list[Any], looks: int = _LOOKS, **more: Any) -> FinishedRun:
    return _go("context.talker", _look(seen, looks), facts="Order B-77 comes first.", **more)


def test_a_long_conversation_is_sent_with_its_middle_in_short() -> None:
    seen: list[Any] = []
    done = _talk(seen)

    assert (done.status, done.outputs["use"], len(seen)) == ("succeeded", "done", _LOOKS + 1)
    last = seen[-1]
    assert len(last) < 2 * _LOOKS
    first, told = last[0].parts[0].content, last[0].parts[1].content
    assert first == seen[0][0].parts[0].content
    assert "Order B-77 comes first." in first
    assert told.startswith("What was said and done since, in short (")
    assert "The lamp of shelf" in told
    assert last[-1].parts[0].content["order"] == f"A-{1000 + _LOOKS - 1}"
    assert all(_calls_are_paired(messages) for messages in seen)
    assert all(messages[-1].instructions == "Say lamps, never lights." for messages in seen)
    kept = CallRow.objects.filter(run=done.run, name="compact").order_by("pk")
    assert 1 <= len(kept) == Summary.objects.count() < _LOOKS
    said = json.loads(kept[0].response_json or "")
    assert (said["summary"] in told, said["loss"]["identifiers"] > 0, said["by"]) == (
        len(kept) == 1, True, "sumy.luhn@0.13+2",
    )  # fmt: skip
    _check_proofs(done)


def _calls_are_paired(messages: Any) -> bool:
    called = [part.tool_call_id for each in messages for part in each.parts if part.part_kind == "tool-call"]
    gave = [part.tool_call_id for each in messages for part in each.parts if part.part_kind == "tool-return"]
    return called == gave


def test_no_request_is_larger_than_it_may_be() -> None:
    from agents.runtimes.model.requests import count_messages

    seen: list[Any] = []
    _talk(seen)
    assert all(count_messages(messages) <= _MOST for messages in seen)


def test_most_requests_begin_as_the_one_before() -> None:
    seen: list[Any] = []
    _talk(seen)
    beginnings = [messages[0].parts[-1].content for messages in seen]
    assert len(set(beginnings)) <= _LOOKS // 2


def test_a_conversation_that_died_between_requests_sends_the_same_requests_again() -> None:
    whole: list[Any] = []
    _talk(whole, 8)
    seen: list[Any] = []
    deaths: set[str] = set()
    with patch.object(ClaimJournal, "end", _die_once(deaths)):
        done = _talk(seen, 8, retries=50)
    assert done.status == "succeeded"
    assert any("compact[" in path for path in deaths)
    assert {_digest(messages) for messages in seen} == {_digest(messages) for messages in whole}
    assert not done.steps["use"].decisions.filter(rule="journal_diverged").exists()
    _check_proofs(done)


def _digest(messages: Any) -> str:
    from agents.runtimes.model.requests import describe_messages

    return json.dumps(describe_messages(messages), sort_keys=True)


def test_another_summariser_meanwhile_does_not_change_what_a_later_attempt_sends(
    settings: LazySettings,
) -> None:
    seen: list[Any] = []

    def answer(messages: Any, n: int) -> Any:
        seen.append(messages)
        if n == _LOOKS - 1 and not any(len(each) == 1 for each in seen[1:]):
            _FAILS.append(TransientError("down"))
            settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.summarise_otherwise"}
        return call("look", n=n) if n < _LOOKS else "done"

    done = _go("context.talker", scripted(answer), facts="x")
    assert (done.status, done.steps["use"].attempt) == ("succeeded", 2)
    assert not done.steps["use"].decisions.filter(rule="journal_diverged").exists()
    kept = CallRow.objects.filter(run=done.run, name="compact")
    assert kept.filter(response_json__contains="sumy.luhn").exists()
    assert [call.tries.count() for call in kept] == [1] * len(kept)


def summarise_otherwise(_value: Any, _allowance: int) -> tuple[str, str]:
    return "Lamps are broken.", "test.otherwise@1"


@pytest.mark.parametrize("said", ["Order A-9999.", "", "x" * 1_048_576, None, ValueError("down")])
def test_a_summary_that_is_no_good_is_replaced(settings: LazySettings, said: Any) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.summarise"}
    _SAID[:] = [said]
    seen: list[Any] = []
    done = _talk(seen)
    assert done.status == "succeeded"
    assert "The lamp of shelf" in seen[-1][0].parts[1].content
    told = Event.objects.filter(run=done.run, kind="summary_fell_back")
    assert {json.loads(line.data_json)["from"] for line in told} == {"the conversation"}


_SAID: list[Any] = []


def summarise(_value: Any, _allowance: int) -> tuple[Any, str]:
    if isinstance(_SAID[0], Exception):
        raise _SAID[0]
    return _SAID[0], "test.said@1"
