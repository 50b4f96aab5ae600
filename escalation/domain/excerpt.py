"""What a value says, in a line of a list."""

import json
import re
from contextlib import suppress
from typing import Any, Final

# A text, or the name of a property; the last one may have been cut off.
_TEXT: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"(\s*:)?|\\?\Z)')


def excerpt(value: Any, length: int) -> str:
    """Return the beginning of what a JSON value says: its longest text, else its JSON, on one line."""
    parts = value.values() if isinstance(value, dict) else [value]
    text = max((part for part in parts if isinstance(part, str)), key=len, default="") or json.dumps(value)
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rstrip() + "…"


def excerpt_json(beginning: str, length: int) -> str:
    """Return what `excerpt` does for JSON of which only the beginning is at hand."""
    with suppress(json.JSONDecodeError):
        return excerpt(json.loads(beginning), length)
    texts = [found[1] for found in _TEXT.finditer(beginning) if not found[2]]
    text = max(texts, key=len, default="") or beginning
    # An escape that was cut in two at the end is left as it is.
    with suppress(json.JSONDecodeError):
        text = json.loads(f'"{text}"')
    return excerpt(text, length)
