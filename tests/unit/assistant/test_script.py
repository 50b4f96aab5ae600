"""What the model server answers for the demo: chosen by what was said so far, so that a retry is answered alike."""

import json
from typing import Any

import pytest

from agents.domain.reading import read_json
from agents.model_server import ModelServer, read_script
from config.demo.feeding import read_messages
from examples.assistant.answers import Answer
from tests.architecture.sources import PROJECT_DIR

_FOLDER = PROJECT_DIR / "examples" / "assistant" / "data"
_ORDER = {"order": "1043", "item": "set of two mugs", "euro": 18.5, "status": "delivered last week"}


def _ask(says: str, *came: tuple[str, object]) -> tuple[str, dict[str, Any]]:
    """Return the tool that is wanted next, and its arguments, after these tools returned what they did."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": says}]
    for number, (tool, result) in enumerate(came):
        call = {"id": f"c{number}", "type": "function", "function": {"name": tool, "arguments": "{}"}}
        told = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        messages.append({"role": "assistant", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": told})
    server = ModelServer(read_script(read_json((_FOLDER / "script.json").read_bytes())))
    try:
        first, second = (server.answer({"model": "scripted", "messages": messages})[0] for _ in range(2))
    finally:
        server._http.server_close()
    said = [json.loads(sent.body)["choices"][0]["message"]["tool_calls"] for sent in (first, second)]
    calls = [[each["function"] for each in calls] for calls in said]
    assert calls[0] == calls[1], "asked again, it must answer the same"
    [[call], _] = calls
    return call["name"], json.loads(call["arguments"])


@pytest.mark.parametrize(
    ("says", "tool", "arguments"),
    [
        ("Where is my order 1042?", "find_order", {"order": "1042"}),
        ("Order 1043 broke, I want my money back", "find_order", {"order": "1043"}),
        ("Please refund #1041.", "find_order", {"order": "1041"}),
        ("Is the blue kettle in stock?", "check_stock", {"product": "blue kettle"}),
    ],
)
def test_what_a_customer_asks_is_looked_up_first(says: str, tool: str, arguments: dict[str, str]) -> None:
    name, given = _ask(says)
    assert (name, given.keys()) == (tool, arguments.keys())
    assert all(given[key].endswith(value) for key, value in arguments.items())


def test_a_refund_is_wanted_of_what_was_paid() -> None:
    name, given = _ask("Order 1043 broke, I want my money back", ("find_order", _ORDER))
    assert (name, given["order"], given["euro"]) == ("refund", "1043", 18.5)


@pytest.mark.parametrize(
    ("came", "answer"),
    [
        (
            {"order": "1043", "refunded": 18.5},
            ("We have just paid 18.5 euro of order 1043 back", "1043", 18.5),
        ),
        ("The lid is missing.", ("What my colleagues say: The lid is missing.", "1043", 0)),
        (
            "Of order 1043 0 euro are left to pay back, not 18.50.",
            ("paid order 1043 back already", "1043", 0),
        ),
    ],
)
def test_the_customer_is_told_what_came_of_a_refund(came: object, answer: tuple[str, str, float]) -> None:
    name, given = _ask("Order 1043 broke, refund it", ("find_order", _ORDER), ("refund", came))
    said = Answer(**given)
    assert (name, said.order, said.refunded) == ("final_result", answer[1], answer[2])
    assert answer[0] in said.text


@pytest.mark.parametrize(
    ("says", "came", "words"),
    [
        ("Where is my order 1043?", [("find_order", _ORDER)], "the set of two mugs, is delivered last week."),
        ("Refund 1044", [("find_order", "This customer has no order 1044")], "can't find that order"),
        (
            "red kettle in stock?",
            [("check_stock", {"product": "red kettle", "pieces": 0, "euro": 44.9})],
            "sold out",
        ),
        (
            "knife in stock?",
            [("check_stock", {"product": "bread knife", "pieces": 10, "euro": 32.0})],
            "we have 10 of the bread knife here, for 32.0 euro",
        ),
        ("odd pan in stock?", [("check_stock", "There is no one product")], "Which product do you mean?"),
        ("When are you open?", [], "from Monday to Saturday"),
        ("Hello", [], "What is it about"),
    ],
)
def test_what_was_found_is_told(says: str, came: list[tuple[str, object]], words: str) -> None:
    name, given = _ask(says, *came)
    assert name == "final_result"
    assert words in Answer(**given).text


def test_the_sample_messages_are_for_customers_of_the_shop() -> None:
    shop = read_json((_FOLDER / "shop.json").read_bytes())
    messages = read_messages(_FOLDER / "messages.jsonl")
    assert {each["customer"] for each in messages} <= {each["customer"] for each in shop["orders"]}
    assert len({each["message_id"] for each in messages}) == len(messages)
