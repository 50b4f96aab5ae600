"""Turns a proposal into fields that a person can edit, and back.

Text is edited as text: in JSON, a mail of three paragraphs is one line full of escapes. Everything else is
edited as JSON, and so is text with characters that can't be seen: in JSON nothing hides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.domain.reading import read_json
from agents.errors import UnreadableJson
from escalation.errors import ResolutionInvalid
from orchestration.domain.visible import is_unseen, pretty_json

WHOLE_TEXT = "text"
WHOLE_JSON = "json"
REST_JSON = "rest"
# Beyond this a form is no help, and Django refuses forms of more than a thousand fields.
MOST_FIELDS = 40
KEY_PREFIX = "key:"


@dataclass(frozen=True, slots=True)
class EditField:
    """One text area, or a choice.

    Attributes: name: in the form.  label: what it is called.  text: its content.  is_json: the text is JSON.
        key: of the output's property.  options: what can be chosen; none: it is typed.  is_yes_no: of a boolean.
        kind: of the browser's input, "number" or "date"; "" for a text area.  bounds: its min, max and step.
        is_kept: something was proposed there; empty text is text then.
    """

    name: str
    label: str
    text: str
    is_json: bool
    key: str = ""
    hint: str = ""
    options: tuple[str, ...] = ()
    is_required: bool = False
    is_yes_no: bool = False
    kind: str = ""
    bounds: tuple[tuple[str, str], ...] = ()
    is_kept: bool = False

    @property
    def is_group(self) -> bool:
        """Tell it from a group of fields."""
        return False

    @property
    def rows(self) -> int:
        """Return how many lines it needs on the screen."""
        lines = sum(1 + len(line) // 90 for line in self.text.split("\n"))
        return 1 if lines == 1 and self.text and not self.is_json else max(3, min(24, lines + 1))


def split_fields(proposal: Any) -> list[EditField]:
    """Return the fields in which a proposal is edited: one for a text, one for each text in an object."""
    if _is_plain_text(proposal):
        return [EditField(WHOLE_TEXT, "Text", proposal, is_json=False)]
    texts = _find_texts(proposal)
    if not texts:
        text = "" if proposal is None else pretty_json(proposal)
        return [EditField(WHOLE_JSON, "Output as JSON", text, is_json=True)]
    fields = [EditField(KEY_PREFIX + key, key, text, is_json=False) for key, text in texts.items()]
    rest = {key: value for key, value in proposal.items() if key not in texts}
    if rest:
        fields.append(EditField(REST_JSON, "Everything else, as JSON", pretty_json(rest), is_json=True))
    return fields


def join_fields(proposal: Any, typed: Mapping[str, str]) -> Any:
    """Return the value that the typed fields stand for; a field that was not sent keeps what was proposed.

    Raises: ResolutionInvalid: a field holds no JSON; names the field and the place.
    """
    fields = [(field, _unix_lines(typed.get(field.name, field.text))) for field in split_fields(proposal)]
    first, text = fields[0]
    if first.name == WHOLE_TEXT:
        return text
    if first.name == WHOLE_JSON:
        return _parse(first.label, text)
    return _join_object(proposal, fields)


def _join_object(proposal: Mapping[str, Any], fields: list[tuple[EditField, str]]) -> dict[str, Any]:
    texts = {field.label: text for field, text in fields if not field.is_json}
    joined = {key: texts.get(key) for key in proposal if key in texts}
    for field, text in fields:
        if field.is_json:
            rest = parse_object(field.label, text)
            if rest.keys() & joined.keys():
                twice = ", ".join(sorted(rest.keys() & joined.keys()))
                raise ResolutionInvalid(f"{field.label}: {twice} has a field of its own; change it there.")
            joined = {**rest, **joined}
    return joined


def parse_object(label: str, text: str) -> dict[str, Any]:
    """Return the object of a field that is typed as JSON.

    Raises: ResolutionInvalid: names the field and the place.
    """
    value = _parse(label, text)
    if not isinstance(value, dict):
        raise ResolutionInvalid(f"{label}: must be a JSON object, {{...}}.")
    return value


def _find_texts(proposal: Any) -> dict[str, str]:
    # A key that can't be seen would be an unreadable label.
    if not isinstance(proposal, dict) or any(is_unseen(c) or c == "\n" for key in proposal for c in key):
        return {}
    texts = {key: value for key, value in proposal.items() if _is_plain_text(value)}
    return texts if len(texts) <= MOST_FIELDS else {}


def _is_plain_text(value: Any) -> bool:
    # "\r" counts as unseen, so that what the browser does to line ends never changes what was proposed.
    return isinstance(value, str) and not any(is_unseen(character) for character in value)


def _unix_lines(text: str) -> str:
    """Undo what every browser does to the line ends of a form."""
    return text.replace("\r\n", "\n")


def _parse(label: str, text: str) -> Any:
    """Return the value of a field that is typed as JSON.

    Raises: ResolutionInvalid: names the field and the place.
    """
    try:
        return read_json(text)
    except UnreadableJson as error:
        raise ResolutionInvalid(f"{label}: {error}.") from None
