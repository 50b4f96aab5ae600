import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from agents import Task, agent
from agents.domain.contract import AgentContract
from agents.errors import AgentRefused, DuplicateAgent
from agents.invoke import override
from agents.registry import find
from agents.selectors import find_contract, known_names, list_contracts

pytestmark = pytest.mark.usefixtures("declared")
STRING = {"type": "string"}


class Label(BaseModel):
    label: str


class Unsayable(BaseModel):
    act: Callable[[], int]


def answer_one(task: Task) -> int:
    """Answer one.

    At length.
    """
    return 1


def test_the_decorator_returns_the_function_and_records_its_contract() -> None:
    decorated = agent(
        "test.one",
        timeout_seconds=10,
        queue="isolated",
        version=2,
        input_schema=STRING,
        output_schema=Label,
        effects=["sends e-mail"],
        reversible=False,
    )(answer_one)
    assert decorated is answer_one
    assert find_contract("test.one") == AgentContract(
        name="test.one",
        version=2,
        queue="isolated",  # type: ignore[arg-type]
        timeout_seconds=10.0,
        input_schema=STRING,
        output_schema=Label.model_json_schema(),
        effects=("sends e-mail",),
        reversible=False,
        description="Answer one.",
        module=__name__,
        function="answer_one",
    )


def test_defaults_are_the_harmless_ones() -> None:
    agent("test.one")(answer_one)
    contract = find_contract("test.one")
    assert contract is not None
    assert (contract.version, contract.queue, contract.timeout_seconds) == (1, "steps", None)
    assert (contract.input_schema, contract.output_schema) == (None, None)
    assert (contract.effects, contract.reversible) == ((), True)
    assert contract.defined_in == f"{__name__}.answer_one"


def test_selectors_know_what_was_declared() -> None:
    before = known_names()
    agent("test.b")(answer_one)
    agent("test.a")(lambda _: 2)
    assert known_names() - before == {"test.a", "test.b"}
    ours = [contract.name for contract in list_contracts() if contract.name.startswith("test.")]
    assert ours == ["test.a", "test.b"]
    assert find_contract("test.none") is None


@pytest.mark.parametrize(
    "name",
    ["", "Crm.history", "crm history", "crm..x", ".x", "x.", "9x", "a-b", "a.b\n", "é", "x" * 101, 7, None],
)
def test_a_name_outside_the_grammar_is_refused(name: Any) -> None:
    with pytest.raises(AgentRefused, match="name: "):
        agent(name)
    assert name not in known_names()


def test_human_is_reserved() -> None:
    with pytest.raises(AgentRefused, match="'human' is reserved"):
        agent("human")


def test_a_decorator_without_a_name_is_refused() -> None:
    with pytest.raises(AgentRefused, match="@agent"):
        agent(answer_one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("timeout_seconds", 0),
        ("timeout_seconds", -1),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", float("inf")),
        ("timeout_seconds", "10"),
        ("timeout_seconds", True),
        ("queue", "gpu"),
        ("version", 0),
        ("version", "2"),
        ("version", True),
        ("effects", "e-mail"),
        ("effects", [""]),
        ("effects", [1]),
        ("effects", None),
        ("reversible", "no"),
        ("input_schema", "string"),
        ("output_schema", {"type": "text"}),
        ("output_schema", {"type": {1}}),
        ("input_schema", {"$ref": "#/$defs/missing"}),
        ("input_schema", {"properties": {"a": {"$ref": "https://example.org/schema.json"}}}),
        ("output_schema", int),
        ("output_schema", Unsayable),
        ("pools", ["gpu"]),
        ("pools", "gpu"),
        ("pools", None),
        ("pools", {"gpu": 0}),
        ("pools", {"gpu": True}),
        ("pools", {"gpu": 1.0}),
        ("pools", {"gpu": 100_001}),
        ("pools", {"GPU": 1}),
        ("pools", {"": 1}),
        ("pools", {"g" * 101: 1}),
        ("pools", {1: 1}),
        ("slots", {"gpu": 1}),
    ],
)
def test_a_wrong_argument_is_refused_by_name(argument: str, value: Any) -> None:
    with pytest.raises(AgentRefused, match=argument) as refusal:
        agent("test.wrong", **{argument: value})(answer_one)
    assert "test.wrong" in str(refusal.value)
    assert find("test.wrong") is None


def yields(task: Task) -> Any:
    yield 1


async def yields_later(task: Task) -> Any:
    yield 1


@pytest.mark.parametrize("function", [7, Label, yields, yields_later, lambda: 1, lambda _, __: 1])
def test_what_cannot_take_a_task_is_refused(function: Any) -> None:
    with pytest.raises(AgentRefused, match=r"test\.wrong"):
        agent("test.wrong")(function)
    assert find("test.wrong") is None


def test_a_name_claimed_twice_names_both_places() -> None:
    agent("test.one")(answer_one)
    with pytest.raises(DuplicateAgent) as refusal:
        agent("test.one")(yes := lambda _: 2)
    message = str(refusal.value)
    for function in (answer_one, yes):
        assert f"{__file__}:{function.__code__.co_firstlineno}" in message
    registered = find("test.one")
    assert registered is not None
    assert registered.function is answer_one


def test_two_functions_of_one_name_in_one_file_are_two() -> None:
    @agent("test.same")
    def same(task: Task) -> int:
        return 1

    first = same
    with pytest.raises(DuplicateAgent):

        @agent("test.same")
        def same(task: Task) -> int:
            return 2

    registered = find("test.same")
    assert registered is not None
    assert registered.function is first


def test_a_reloaded_module_replaces_its_own_agent() -> None:
    def declare() -> Any:
        @agent("test.reloaded")
        def reloaded(task: Task) -> int:
            return 1

        return reloaded

    declare()
    second = declare()
    registered = find("test.reloaded")
    assert registered is not None
    assert registered.function is second


def test_a_schema_changed_after_its_declaration_changes_nothing() -> None:
    schema: dict[str, Any] = {"type": "string"}
    agent("test.one", input_schema=schema)(answer_one)
    schema["type"] = "integer"
    contract = find_contract("test.one")
    assert contract is not None
    assert contract.input_schema == STRING


def test_a_fake_keeps_the_contract_and_goes_away() -> None:
    agent("test.one", version=4)(answer_one)
    with override({"test.one": lambda _: 2, "test.new": lambda _: 3}):
        faked = find("test.one")
        assert faked is not None
        assert faked.function is not answer_one
        assert faked.contract.version == 4
        assert "test.new" in known_names()
    registered = find("test.one")
    assert registered is not None
    assert registered.function is answer_one
    assert find("test.new") is None


def test_a_fake_goes_away_after_an_error() -> None:
    with pytest.raises(RuntimeError), override({"test.new": lambda _: 3}):
        raise RuntimeError
    assert find("test.new") is None


def test_the_latest_fake_wins_and_blocks_may_end_in_any_order() -> None:
    fakes: list[Any] = [lambda _: 1, lambda _: 2]
    blocks = [override({"test.new": fake}) for fake in fakes]

    def active() -> Any:
        registered = find("test.new")
        return registered and registered.function

    blocks[0].__enter__()
    blocks[1].__enter__()
    assert active() is fakes[1]
    blocks[0].__exit__(None, None, None)
    assert active() is fakes[1]
    blocks[1].__exit__(None, None, None)
    assert active() is None


def test_other_threads_see_a_fake() -> None:
    seen: list[bool] = []
    with override({"test.new": lambda _: 3}):
        thread = threading.Thread(target=lambda: seen.append(find("test.new") is not None))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_fake_that_is_no_callable_is_refused() -> None:
    with pytest.raises(AgentRefused, match=r"fake for test\.new: 3 is not callable"):
        override({"test.new": 3})  # type: ignore[dict-item]
    with pytest.raises(AgentRefused, match="name: "):
        override({"New": lambda _: 3})
