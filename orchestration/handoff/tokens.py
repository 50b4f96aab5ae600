"""How many tokens a text costs a model."""

import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

_CHARACTERS_PER_TOKEN = 4
# The tokenizer refuses more than 200,000 tokens in one call; a token is at least one character.
_PIECE_CHARACTERS = 100_000


def count_tokens(text: str) -> int:
    """Return the tokens of a text: o200k when `bpe-openai` is installed, else a quarter of its characters.

    Texts of over 100,000 characters are counted in pieces: at most a token too many per piece.
    """
    count = _counter()
    return sum(count(text[start : start + _PIECE_CHARACTERS]) for start in range(0, len(text), _PIECE_CHARACTERS))


@lru_cache(maxsize=1)
def _counter() -> Callable[[str], int]:
    try:
        # Half a second to load, and web processes seldom count: not at import.
        with warnings.catch_warnings():
            # It reads its data by importlib's older call; where warnings are errors that would fail every step.
            warnings.simplefilter("ignore", DeprecationWarning)
            bpe = import_module("bpe_openai")
    except ImportError:
        return lambda text: -(-len(text) // _CHARACTERS_PER_TOKEN)
    encode = bpe.get_encoding("o200k_base").encode_ordinary
    return lambda text: len(encode(text))
