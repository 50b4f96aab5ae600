"""What is told of a text that is still being written never shows a secret that the whole text would not show."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.domain import redaction
from agents.domain.masking import mask_so_far
from agents.domain.redaction import MASK, redact

_KEY = "sk-live-" + "a1B2" * 8
_TAUGHT = "correct horse battery staple"
_TEXTS = [
    f"Your key is {_KEY}, keep it.",
    'Set password: "two words, then more" and go on.',
    "Set secret = hunter2hunter2 now",
    "Authorization: Bearer abcdef0123456789 and more",
    f"The phrase is {_TAUGHT} today.",
    '{"answer": "fine", "api_key": "a b c d e f", "sure": 0.9}',
    "postgres://bob:s3cret-pass@db/x is the address",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----\nbye bye",
    "あなたの注文は今日発送されました。ありがとう",
]


@pytest.fixture(autouse=True)
def _taught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_taught", [_TAUGHT])


@pytest.mark.parametrize("text", _TEXTS)
def test_letter_by_letter_nothing_is_told_that_is_masked_in_the_end(text: str) -> None:
    told = ""
    for end in range(len(text) + 1):
        now = mask_so_far(text[:end], is_whole=False)
        assert now.startswith(told), (told, now)
        told = now
    whole = mask_so_far(text, is_whole=True)
    assert whole == redact(text)
    assert whole.startswith(told)
    hidden = re.split(re.escape(MASK), whole)
    assert all(part in text for part in hidden)


@given(st.lists(st.sampled_from([*_TEXTS, " ", "\n", "and "]), max_size=5), st.data())
def test_cut_anywhere_what_is_told_is_how_the_whole_begins(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    end = data.draw(st.integers(0, len(text)))
    assert redact(text).startswith(mask_so_far(text[:end], is_whole=False))


def test_without_holding_back_the_beginning_of_a_key_is_told() -> None:
    text = f"Your key is {_KEY[:12]}"
    assert _KEY[:12] in redact(text)
    assert mask_so_far(text, is_whole=False) == "Your key is "


def test_languages_without_blanks_are_told_as_they_come() -> None:
    assert mask_so_far("注文は今日", is_whole=False) == "注文は今日"
    assert mask_so_far("注文は A-1", is_whole=False) == "注文は "


@pytest.mark.parametrize("text", ["x" * 200_000, "key " * 50_000, 'key: "' * 30_000, "a b" * 60_000])
def test_masking_takes_time_in_line_with_the_text(text: str) -> None:
    assert len(mask_so_far(text, is_whole=False)) <= len(text)
