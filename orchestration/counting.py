"""How many tokens a text costs a model, as `RINGMASTER["TOKENIZER"]` counts.

The choice is a setting and never a guess from what is installed: counts stand in rows and in receipts.
"""

from collections.abc import Callable
from functools import lru_cache
from importlib import import_module

from orchestration.conf import get_conf

CHARACTERS = "characters"
_CHARACTERS_PER_TOKEN = 4
# The tokenizer refuses more than 200,000 tokens in one call; a token is at least one character.
_PIECE_CHARACTERS = 100_000


def count_tokens(text: str) -> int:
    """Return the tokens of a text.

    `characters` (the default) takes a quarter of the characters, rounded up. `o200k_base` and `cl100k_base` count
    exactly and cost a worker 130 MB; they need `pip install bpe-openai`. Texts of over 100,000 characters are
    counted in pieces: at most a token too many per piece.
    """
    count = _counter(get_conf().TOKENIZER)
    return sum(
        count(text[start : start + _PIECE_CHARACTERS]) for start in range(0, len(text), _PIECE_CHARACTERS)
    )


@lru_cache(maxsize=4)
def _counter(name: str) -> Callable[[str], int]:
    if name == CHARACTERS:
        return lambda text: -(-len(text) // _CHARACTERS_PER_TOKEN)
    # An extra, and slow to load: only where it was chosen.
    encode = import_module("bpe_openai").get_encoding(name).encode_ordinary
    return lambda text: len(encode(text))
