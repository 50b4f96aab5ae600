"""Cuts what agents wrote into passages that a person reads, as safe HTML with nothing unseen in it."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from orchestration.admin.visible import mark_unseen
from orchestration.domain.visible import pretty_json


@dataclass(frozen=True, slots=True)
class Passage:
    """One part of a value as a person reads it.

    Attributes: label: its key, or "".  html: escaped text.  is_code: it is JSON, not prose.
    """

    label: SafeString
    html: SafeString
    is_code: bool


def describe_value(value: Any, *, limit: int | None = None) -> list[Passage]:
    """Return a JSON value as passages: an object one for each key, texts as prose, the rest as JSON.

    Args: limit: characters of each passage to show; None shows all, as everything that is approved must be.
    """
    if isinstance(value, dict) and value:
        return [_passage(key, item, limit) for key, item in value.items()]
    return [_passage("", value, limit)]


def _passage(label: str, value: Any, limit: int | None) -> Passage:
    is_prose = isinstance(value, str) and value != ""
    text = value if is_prose else pretty_json(value)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}\n… {len(text) - limit} more characters"
    return Passage(mark_unseen(label), mark_unseen(text), is_code=not is_prose)
