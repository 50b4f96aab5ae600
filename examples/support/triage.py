"""Answers of `support-triage`: a template per intent, with a general one behind them. Pure."""

from collections.abc import Mapping
from typing import Any


def compose_answer(intent: str, customer: str, templates: Mapping[str, Any]) -> dict[str, str]:
    """Return the reply to an intent.

    Args:
        intent: as the classifier calls it.
        customer: the account that wrote.
        templates: `answers` by intent, `general` for the others; `{topic}` is the intent in words.
    """
    topic = intent.replace("_", " ")
    text = templates["answers"].get(intent, templates["general"])
    return {
        "recipient": customer,
        "email": "",
        "subject": f"Your question: {topic}",
        "body": f"Hello,\n\n{text.format(topic=topic)}\n\n{templates['sign_off']}",
    }
