"""What an agent asks of people, as the ticket shows it, and what they answer. Pure.

One question is answered by what its form asks for, a question without a form by a text; several questions by an object
with an answer for each, by its path.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.domain.json_schema import find_fault
from agents.domain.waiting import write_value
from orchestration.domain.calls import OpenWait
from orchestration.domain.receipts import canonical
from orchestration.errors import ResolutionRefused

ANSWER: Final = "answer"
"""Member that holds the text with which a question without a form is answered."""
_TEXT: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}


def write_questions(questions: Sequence[OpenWait]) -> str:
    """Return what a ticket shows of open questions: `question` in words, `form` for the answer, `asked` by path."""
    asked = {wait.path: json.loads(wait.request_json) for wait in questions}
    return canonical({"question": _say(list(asked.values())), "form": _join(asked), "asked": asked})


def read_answers(questions: Sequence[OpenWait], output_json: str) -> dict[str, str]:
    """Return what answers each question, by its path: canonical JSON as the journal keeps it.

    Raises: ResolutionRefused: an answer is missing, or does not fit the form of its question.
    """
    asked = {wait.path: json.loads(wait.request_json) for wait in questions}
    given = json.loads(output_json)
    fault = find_fault(_join(asked), given)
    if fault is not None:
        raise ResolutionRefused(f"output{fault[0]}: {fault[1]}")
    if len(asked) > 1:
        return {path: write_value(canonical(given[path])) for path in asked}
    path, question = next(iter(asked.items()))
    return {path: write_value(canonical(given[ANSWER] if question["form"] is None else given))}


def _say(asked: Sequence[Mapping[str, Any]]) -> str:
    if len(asked) == 1:
        return str(asked[0]["question"])
    return "\n".join(f"{number}. {each['question']}" for number, each in enumerate(asked, 1))


def _join(asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the form of all answers."""
    if len(asked) == 1:
        question = next(iter(asked.values()))
        form: dict[str, Any] | None = question["form"]
        return _ask_for({ANSWER: {"title": "Answer", **_TEXT}}) if form is None else form
    return _ask_for(
        {path: {"title": each["question"], **(each["form"] or _TEXT)} for path, each in asked.items()}
    )


def _ask_for(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
