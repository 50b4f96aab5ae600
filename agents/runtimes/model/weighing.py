"""How many tokens pictures, sound, films and documents may have among what a model is told.

What is counted is the JSON of messages: an address in it says nothing of what it leads to, and the letters of a picture
are hundreds of times what any provider makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic_ai.messages import BinaryContent, ImageUrl, is_multi_modal_content

IMAGE_TOKENS: Final = 5_000
"""Of a picture, however large: above what the usual providers make of their largest."""
FILE_TOKENS: Final = 50_000
"""Of what is only named: a document of some twenty pages, half an hour of sound, three minutes of film."""


def weigh_files(messages: Iterable[Any]) -> int:
    """Return what files among messages have beside what is counted of their JSON; below zero: they have less."""
    return sum(_weigh(file) for message in messages for part in message.parts for file in _find_files(part))


def _find_files(part: Any) -> Iterator[Any]:
    """Yield files in what somebody said, a tool returned or a model answered."""
    open_values = [getattr(part, "content", None)]
    while open_values:
        value = open_values.pop()
        if is_multi_modal_content(value):
            yield value
        elif isinstance(value, Mapping):
            open_values.extend(value.values())
        elif isinstance(value, list | tuple):
            open_values.extend(value)


def _weigh(file: Any) -> int:
    if isinstance(file, BinaryContent):
        # Of other bytes the letters stay counted: that is above what is made of sound, film and most documents.
        return IMAGE_TOKENS - 4 * -(-len(file.data) // 3) * 5 // 16 if file.is_image else 0
    return IMAGE_TOKENS if isinstance(file, ImageUrl) else FILE_TOKENS
