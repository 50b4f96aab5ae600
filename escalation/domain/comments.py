"""Whom a comment names. Pure."""

import re
from typing import Final

MOST_MENTIONS: Final = 20
# As account names are written; an address such as ada@example.org names nobody.
_MENTION: Final = re.compile(r"(?<![\w.@+-])@([\w.@+-]{1,150})")


def find_mentions(text: str) -> tuple[str, ...]:
    """Return the account names that a text mentions with @, each once, in their order; at most MOST_MENTIONS.

    A full stop or a dash behind a name ends the sentence, and does not belong to it.
    """
    names = (found.rstrip(".-+@") for found in _MENTION.findall(text))
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_MENTIONS]
