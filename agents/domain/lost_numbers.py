"""Numbers of a pydantic model that JSON does not have: written as JSON they are null, and nobody would notice. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from agents.domain.canonical import json_pointer
from agents.errors import UnreadableOutput


def refuse_lost_numbers(model: BaseModel, written: object) -> None:
    """Refuse a model that has NaN or an infinite number where null was written.

    A model whose config says `ser_json_inf_nan="null"` means it; one that writes them otherwise has none to lose.

    Args: written: the model as JSON values, by alias.
    Raises: UnreadableOutput: names the field.
    """
    if model.model_config.get("ser_json_inf_nan") == "null":
        return
    for path, number in _find_lost(model.model_dump(by_alias=True), written, ()):
        raise UnreadableOutput(
            json_pointer(list(path)),
            f"{number} is no number of JSON; give None, or set ser_json_inf_nan in the model's config",
        )


def _find_lost(
    meant: object, written: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], float]]:
    match meant, written:
        case float(), None if not math.isfinite(meant):
            yield path, meant
        case Mapping(), dict():
            # A serializer of the model's own may have written other members.
            by_name = {str(name): value for name, value in meant.items()}
            for name in by_name.keys() & written.keys():
                yield from _find_lost(by_name[name], written[name], (*path, name))
        case ((list() | tuple() | set() | frozenset()), list()) if len(meant) == len(written):
            for number, (one, other) in enumerate(zip(meant, written, strict=True)):
                yield from _find_lost(one, other, (*path, number))
