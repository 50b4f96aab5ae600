"""What an agent asks of people, as the ticket shows it, and what they answer. Pure.

One question is answered by what its form asks for, a question without a form by a text; several questions by an object
with an answer for each, by its path. Each answer is checked against the form of its own question: a form is a document
of its own, whose references and dialect mean something else within another.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.domain.json_schema import SchemaInvalid, compile_schema, find_fault
from agents.domain.waiting import write_value
from orchestration.domain.calls import OpenWait
from orchestration.domain.receipts import canonical
from orchestration.errors import ResolutionRefused

ANSWER: Final = "answer"
"""Member that holds the text with which a question without a form is answered."""
_TEXT: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
_OF_A_DOCUMENT: Final = frozenset(
    {"$schema", "$id", "id", "$ref", "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"}
)
"""Words that mean something else where a form stands within another."""


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
    if len(asked) == 1:
        path, question = next(iter(asked.items()))
        _check("output", _find_form(question), given)
        return {path: write_value(canonical(given[ANSWER] if question["form"] is None else given))}
    _check("output", _ask_for({path: {} for path in asked}), given)
    for place, (path, question) in enumerate(asked.items(), 1):
        form = _TEXT if question["form"] is None else question["form"]
        _check(f"output, answer {place} ({path})", form, given[path])
    return {path: write_value(canonical(given[path])) for path in asked}


def _check(where: str, form: Mapping[str, Any], given: object) -> None:
    fault = find_fault(form, given)
    if fault is not None:
        raise ResolutionRefused(f"{where}{fault[0]}: {fault[1]}")


def _say(asked: Sequence[Mapping[str, Any]]) -> str:
    if len(asked) == 1:
        return str(asked[0]["question"])
    return "\n".join(f"{number}. {each['question']}" for number, each in enumerate(asked, 1))


def _find_form(question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what answers the only question that is asked."""
    form: Mapping[str, Any] | None = question["form"]
    return _ask_for({ANSWER: {"title": "Answer", **_TEXT}}) if form is None else form


def _join(asked: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the form in which people fill in all answers; each is labelled by its question."""
    if len(asked) == 1:
        return _find_form(next(iter(asked.values())))
    joined = _ask_for({path: _label(each, _show(each["form"])) for path, each in asked.items()})
    try:
        compile_schema(joined)
    except SchemaInvalid:  # each is one by itself; together they are more than is read as one
        return _ask_for({path: _label(each, {}) for path, each in asked.items()})
    return joined


def _label(question: Mapping[str, Any], form: Mapping[str, Any]) -> dict[str, Any]:
    return {**form, "title": question["question"]}


def _show(form: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return a form as far as it can stand within another; an answer to what can't is typed as JSON."""
    if form is None:
        return _TEXT
    return {} if _is_document(form) else form


def _is_document(part: object) -> bool:
    if isinstance(part, Mapping):
        return not _OF_A_DOCUMENT.isdisjoint(part) or any(map(_is_document, part.values()))
    return isinstance(part, list) and any(map(_is_document, part))


def _ask_for(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
