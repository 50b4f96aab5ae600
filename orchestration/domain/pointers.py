"""JSON pointers (RFC 6901): where in a value something stands. Pure."""

import re
from typing import Any, Final

_FORM: Final = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
MOST_CHARACTERS: Final = 500


def find_pointer_fault(pointer: str) -> str | None:
    """Return why a text is no JSON pointer; None: it is one."""
    if len(pointer) > MOST_CHARACTERS:
        return f"has {len(pointer)} characters; at most {MOST_CHARACTERS} are possible"
    if not _FORM.fullmatch(pointer):
        return "is no JSON pointer: write '/order/id', in a list '/rows/3'; ~1 is a slash in a name, ~0 a ~"
    return None


def resolve_pointer(value: Any, pointer: str) -> Any:
    """Return what a pointer leads to; "" leads to all of it.

    Raises: LookupError: to nothing.
    """
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name):
            value = value[int(name)]
        else:
            raise LookupError(f"'{name}' leads nowhere")
    return value
