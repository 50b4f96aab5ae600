"""What may be told of a text that is still being written: as much of it as no more text can turn into a secret. Pure.

`redaction.py` masks secrets in whole texts. Of one that comes in pieces, the beginning of a key must not be told before
its end shows that it is one. So its last word is held back, and a value whose name says that it is secret, until it is
closed. What the redactor can't tell in a whole text can't be told here either.
"""

from __future__ import annotations

import re
from typing import Final

from agents.domain.redaction import list_taught, redact

# Secrets are written without blanks, in ASCII; languages that have no blanks are held back to their last Latin word.
_OF_WORDS: Final = "".join(map(chr, range(ord("!"), ord("~") + 1)))
# A quote that is not closed yet, behind a name that calls its value secret.
_OPEN_VALUE: Final = re.compile(
    r"""(?ix) (?: pass | secret | key | token ) [\w-]{0,40} ["']? \s{0,3} (?: = | : | => ) \s{0,3}
    ( "[^"\n]{0,4096} | '[^'\n]{0,4096} ) \Z"""
)
# The headline of a private key, which has blanks.
_OPEN_KEY: Final = re.compile(r"()-----BEGIN [A-Z ]{0,40}\Z")
_LOOK_BACK: Final = 4_300


def mask_so_far(text: str, *, is_whole: bool) -> str:
    """Return what may be told of a text by now, its secrets masked.

    Args: is_whole: nothing follows.
    """
    return redact(text if is_whole else text[: _find_safe_end(text)])


def _find_safe_end(text: str) -> int:
    end = len(text.rstrip(_OF_WORDS))
    begin = max(end - _LOOK_BACK, 0)
    for pattern in (_OPEN_VALUE, _OPEN_KEY):
        if (found := pattern.search(text, begin, end)) is not None:
            end = found.start(1)
    head = text[:end]
    return min((end, *(_find_beginning(head, secret) for secret in list_taught() if " " in secret)))


def _find_beginning(text: str, secret: str) -> int:
    """Return where the text ends with the beginning of a secret; its length where it does not."""
    most = min(len(secret) - 1, len(text))
    return len(text) - next((size for size in range(most, 0, -1) if text.endswith(secret[:size])), 0)
