"""What a worker tells of its agents: written from what was built, read whatever somebody put into its row."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai import Agent, RunContext
from pydantic_ai.toolsets import ApprovalRequiredToolset, FunctionToolset

from agents import Call, agent, model_agent
from agents.domain import offers
from agents.domain.catalogue import catalogue
from agents.domain.offers import (
    MOST_BYTES,
    MOST_FAULT,
    MOST_TOOLS,
    AgentOffer,
    Approval,
    Built,
    Readiness,
    ToolOffer,
    describe_fault,
    read_offers,
    write_offers,
)
from agents.invoke import describe_offers, find_build_faults

_NAME = "told.unit"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_declared", dict(catalogue._declared))
    catalogue._rebuild()


def _tell(name: str = _NAME) -> AgentOffer:
    find_build_faults()
    return next(offer for offer in read_offers(describe_offers(["steps"])).agents if offer.name == name)


def _pay(euro: int) -> int:
    return euro


def _probe() -> str:
    return "probed"


def _build(durable: Any) -> Agent[Call, str]:
    inner = Agent("small", capabilities=durable, name="inner")
    inner.tool_plain(name="probe")(_probe)
    paying: FunctionToolset[Any] = FunctionToolset(id="paying")
    paying.add_function(_pay, name="pay")
    guarded = ApprovalRequiredToolset(paying, lambda _ctx, _tool, args: args["euro"] > 100)
    told = Agent("fast", capabilities=durable, deps_type=Call, name="told", toolsets=[guarded])

    @told.tool(requires_approval=True, metadata={"effects": ["pays money back"], "reversible": False})
    def refund(ctx: RunContext[Call], euro: int) -> str:
        return f"{ctx.deps.key} {euro}"

    return told


def test_models_tools_effects_and_approvals_are_told() -> None:
    model_agent(_NAME, version=2, effects=["writes"], output_schema={"type": "string"})(_build)
    told = _tell()
    assert told.fault is None
    assert (told.version, told.kind, told.queue, told.readiness) == (2, "model", "steps", "ready")
    assert (told.effects, told.models, told.has_more) == (("writes",), ("fast", "small"), False)
    tools = {tool.name: tool for tool in told.tools}
    assert {name: (tool.within, tool.approval) for name, tool in tools.items()} == {
        "refund": ("", Approval.ALWAYS),
        "pay": ("", Approval.BY_ARGUMENTS),
        "probe": ("inner", Approval.BY_ITSELF),
    }
    assert (tools["refund"].effects, tools["refund"].reversible, tools["refund"].repeatable) == (
        ("pays money back",),
        False,
        False,
    )
    assert told.tool_count == 3
    assert len({told.output_digest, told.tools_digest, tools["pay"].digest, ""}) == 4
    assert told.input_digest == ""


def test_another_schema_of_a_tool_is_another_digest_and_the_same_one_the_same() -> None:
    def declare(name: str, kind: type) -> AgentOffer:
        def build(durable: Any) -> Any:
            built = Agent("fast", capabilities=durable, name="same")

            def find(order: Any) -> str:
                return str(order)

            find.__annotations__["order"] = kind
            built.tool_plain(find)
            return built

        model_agent(name)(build)
        return _tell(name)

    first, same, other = declare("told.a", int), declare("told.b", int), declare("told.c", str)
    assert first.tools_digest == same.tools_digest != other.tools_digest


def test_a_plain_agent_is_told_and_one_of_another_queue_is_not() -> None:
    agent(_NAME)(lambda _task: 1)
    agent("told.apart", queue="isolated")(lambda _task: 1)
    assert (_tell().kind, _tell().readiness, _tell().tools_digest) == ("python", Readiness.READY, "")
    assert "told.apart" not in {offer.name for offer in read_offers(describe_offers(["steps"])).agents}


def test_a_fault_is_one_short_line_without_secrets() -> None:
    def build(_durable: Any) -> Any:
        raise RuntimeError("no model\nwith api_key=sk-live-0123456789abcdef0123\x1b[2J " + "x" * 1_000_000)

    model_agent(_NAME)(build)
    fault = _tell().fault
    assert fault is not None
    assert fault.error_class == "RuntimeError"
    assert fault.message.startswith("no model with api_key=")
    assert "0123456789" not in fault.message
    assert fault.message.isprintable()
    assert len(fault.message) <= MOST_FAULT


def _offer(number: int, tools: int = 0) -> AgentOffer:
    told = tuple(ToolOffer(f"tool{n}", effects=("e" * 100,) * 8, digest="d" * 64) for n in range(tools))
    offer = AgentOffer(f"a{number}", 1, "model", "steps", fault=describe_fault("E", "m"))
    return offers._add_built(offer, Built(tools=told))


def test_very_many_tools_are_counted_and_the_first_are_told() -> None:
    [told] = read_offers(write_offers([_offer(1, tools=10_000)])).agents
    assert (len(told.tools), told.tool_count) == (MOST_TOOLS, 10_000)
    more = offers._add_built(replace(told, tools=()), Built(tools=told.tools))
    assert more.tools_digest != told.tools_digest


def test_what_does_not_fit_is_told_briefly_and_then_counted() -> None:
    text = write_offers(_offer(number, tools=50) for number in range(3_000))
    read = read_offers(text)
    assert len(text) <= MOST_BYTES
    assert read.is_readable
    assert not read.agents[0].is_brief
    assert read.agents[-1].is_brief
    assert read.agents[-1].fault is not None
    assert len(read.agents) + read.left_out == 3_000
    assert read.left_out > 0


@pytest.mark.parametrize(
    "text",
    ["{", "null", "[]", '{"agents":7}', "[" * 100_000, '{"agents":[]}' + " " * MOST_BYTES, "\x00"],
    ids=["cut off", "null", "list", "no list", "deep", "long", "nul"],
)
def test_what_can_not_be_read_is_said_to_be_so(text: str) -> None:
    assert read_offers(text) == offers.Offers(is_readable=False)


def test_what_was_forged_is_bounded_and_what_is_none_is_left_out() -> None:
    tool = {"name": "t", "effects": ["e" * 110] * 9, "approval": "never", "reversible": "no"}
    forged = {
        "name": "x" * 9_000,
        "version": -1,
        "readiness": "superb",
        "tools": [tool] * 99 + [7] * 901,
        "models": "all",
        "fault": {"error_class": 7, "message": "password=hunter2-hunter2 \u202e" + "y" * 50_000},
    }
    read = read_offers(json.dumps({"agents": [forged, 7, {"name": ""}], "left_out": "many"}))
    [told] = read.agents
    assert read.left_out == 2
    assert (len(told.name), told.version, told.readiness, told.models) == (100, 0, "ready", ())
    assert (len(told.tools), told.tool_count) == (MOST_TOOLS, 1_000)
    assert told.tools[0].approval is Approval.BY_ITSELF
    assert [len(effect) for effect in told.tools[0].effects] == [100] * 8
    assert told.fault is not None
    assert "hunter2" not in told.fault.message
    assert len(told.fault.words) < 2 * MOST_FAULT


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*AgentOffer.__slots__, "agents", "effects"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=4))
def test_nothing_that_a_row_may_hold_is_raised(agents: list[Any]) -> None:
    read = read_offers(json.dumps({"agents": agents}))
    assert read.is_readable
    assert len(read.agents) + read.left_out == len(agents)
    assert read_offers(write_offers(read.agents)).agents == read.agents
