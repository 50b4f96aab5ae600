"""What a value says, in a line of a list."""

import json
from typing import Any


def excerpt(value: Any, length: int) -> str:
    """Return the beginning of what a JSON value says: its longest text, else its JSON, on one line."""
    parts = value.values() if isinstance(value, dict) else [value]
    text = max((part for part in parts if isinstance(part, str)), key=len, default="") or json.dumps(value)
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rstrip() + "…"
