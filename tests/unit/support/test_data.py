"""The data files fit each other."""

import json
import string
from collections import Counter
from typing import Any

from examples.support import conf
from examples.support.data_files import read_data
from examples.support.facts import _FINDERS
from examples.support.guidelines import CHECKS, Reply, find_breaches
from examples.support.intents import known_intents, read_examples

EXAMPLES = read_examples(conf.DATA_DIR / "intents.jsonl")


def _messages() -> list[dict[str, Any]]:
    lines = (conf.DATA_DIR / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_intent_is_taught_by_at_least_15_different_texts() -> None:
    assert len({example.text for example in EXAMPLES}) == len(EXAMPLES)
    assert min(Counter(example.label for example in EXAMPLES).values()) >= 15


def test_every_intent_that_is_taught_has_facts_and_replies() -> None:
    intents = known_intents(EXAMPLES)
    assert intents == set(_FINDERS)
    assert intents <= set(read_data("replies"))


def test_every_reply_uses_facts_or_policy_only_and_keeps_the_guidelines() -> None:
    rules = [rule for rule in read_data("guidelines")["rules"] if rule["id"] != "no-unfounded-refund"]
    for intent, variants in read_data("replies").items():
        for variant, text in variants.items():
            names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            facts = {name: f"the {name}" for name in names} | {"order": "#R1001", "status": variant}
            body = (
                f"Dear Mira,\n\n{text.format_map(facts | read_data('policy'))}\n\nYour team at Fernhill Goods"
            )
            reply = Reply("Your order", body, "Mira", is_upset=False, facts=facts)
            assert find_breaches(reply, rules) == [], (intent, variant)


def test_every_kind_of_guideline_is_in_use() -> None:
    assert {rule["kind"] for rule in read_data("guidelines")["rules"]} == set(CHECKS)


def test_there_are_messages_of_every_sort_and_none_was_taught() -> None:
    messages = _messages()
    assert len(messages) >= 40
    assert len({message["message_id"] for message in messages}) == len(messages)
    assert {message["expected"] for message in messages} == {"answered", "escalated"}
    assert not {message["text"].casefold() for message in messages} & {
        example.text for example in EXAMPLES
    } - {
        "good morning"  # nobody says it otherwise
    }
