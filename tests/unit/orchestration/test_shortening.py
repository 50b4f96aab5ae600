"""What is handed instead of an original never has more tokens than allowed; pins are the same bytes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orchestration.conf import get_conf
from orchestration.domain.pointers import resolve_pointer
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.states import StepStatus
from orchestration.domain.work import Predecessor
from orchestration.errors import HandoffTooLarge
from orchestration.handoff import count_tokens
from orchestration.handoff.shortening import Made, Original, make_summary, read_original
from orchestration.handoff.summarisers import EXTRACTIVE

_SAID: list[Any] = []
_ASKED: list[int] = []
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT
    | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_TEXT, inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


def summarise(_value: Any, allowance_tokens: int) -> Any:
    """Say what the test wants to be said, or raise it."""
    _ASKED.append(allowance_tokens)
    said = _SAID[0] if len(_SAID) == 1 else _SAID.pop(0)
    if isinstance(said, Exception):
        raise said
    return said, "test.said@1"


@pytest.fixture
def said(settings: LazySettings) -> list[Any]:
    settings.RINGMASTER = {**settings.RINGMASTER, "SUMMARISER": f"{__name__}.summarise"}
    _SAID.clear()
    _ASKED.clear()
    return _SAID


def _original(value: Any, pointers: tuple[str, ...] = ()) -> Original:
    text = canonical(value)
    sender = Predecessor(
        1, "facts", StepStatus.SUCCEEDED, "", text, digest_text(text), count_tokens(text), "", True, False
    )
    return read_original(sender, pointers)


def _list_pointers(value: Any, path: str = "") -> Iterator[str]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in parts:
        yield from _list_pointers(inner, f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}")


@pytest.mark.filterwarnings("ignore:open_binary is deprecated")  # of the tokenizer's package
@pytest.mark.parametrize("tokenizer", ["characters", "o200k_base", "cl100k_base"])
@given(value=_JSON, allowance=st.integers(60, 400), data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_json_and_no_tokenizer_gives_more_than_is_allowed_and_pins_stay_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch, tokenizer: str, value: Any, allowance: int, data: st.DataObject
) -> None:
    with monkeypatch.context() as patch:
        conf = get_conf()
        patch.setattr("orchestration.counting.get_conf", lambda: _with(conf, tokenizer))
        pins = data.draw(st.lists(st.sampled_from(list(_list_pointers(value))), max_size=3, unique=True))
        original = _original(value, tuple(pins))
        if count_tokens(original.write("")) > allowance:
            with pytest.raises(HandoffTooLarge, match="alone has"):
                make_summary(original, allowance)
            return
        made = make_summary(original, allowance)
        assert count_tokens(made.handed.text) == made.handed.tokens <= allowance
    handed = json.loads(made.handed.text)
    assert (handed["of"], handed["bytes"]) == (original.digest, len(canonical(value).encode()))
    assert {p: canonical(v) for p, v in handed.get("pinned", {}).items()} == {
        pin: canonical(resolve_pointer(value, pin)) for pin in pins
    }
    for text in handed.get("pinned", {}).values():
        assert canonical(text) in canonical(value)


def _with(conf: Any, tokenizer: str) -> Any:
    return replace(conf, TOKENIZER=tokenizer)


_LETTER = {"order": "A-1042", "amount": 120, "text": "The lamp is broken. " * 200}


def _make(allowance: int = 300, value: Any = _LETTER) -> Made:
    return make_summary(_original(value), allowance)


def test_a_summary_that_says_nothing_new_is_taken(said: list[Any]) -> None:
    said.append("Order A-1042 over 120: the lamp is broken.")
    made = _make()
    assert (json.loads(made.handed.text)["summary"], made.handed.summarised_by) == (said[0], "test.said@1")
    assert json.loads(made.handed.loss_json)["missing_numbers"] == 0
    assert (made.fell_back, made.is_kept) == ("", True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Order A-1042 over 125.", "invented_numbers"),
        ("", "empty"),
        (" \n\t", "empty"),
        (None, "no_text"),
        ({"text": "x"}, "no_text"),
        ("a lone surrogate \ud800", "no_text"),
        ("x" * 1_048_576, "too_long"),
        ('{"value": {"order": "A-1042"}, "allowance_tokens": 120}', "repeats_prompt"),
        (ValueError("secret: A-1042"), "failed"),
    ],
)
def test_one_that_is_no_good_is_replaced_by_sentences_of_the_original(
    said: list[Any], text: Any, why: str
) -> None:
    said.append(text)
    made = _make()

    assert (made.fell_back, made.is_kept) == (why, why != "failed")
    assert (made.handed.summarised_by, made.handed.tokens <= 300) == (EXTRACTIVE, True)
    assert "The lamp is broken." in json.loads(made.handed.text)["summary"]
    assert json.loads(made.handed.loss_json)["fell_back"] == why


def test_one_that_is_a_little_too_long_is_asked_for_again_in_less(said: list[Any]) -> None:
    said += ["word " * 400, "word " * 20]
    made = _make(200)
    assert (made.fell_back, _ASKED[1] < _ASKED[0]) == ("", True)


def test_pins_that_do_not_fit_are_named_with_their_size() -> None:
    value = {"rows": ["x" * 100] * 50, "id": 7}
    with pytest.raises(HandoffTooLarge, match=r"pinned of 'facts' .* 300 tokens: '/rows' alone has 1\d{3}"):
        make_summary(_original(value, ("/id", "/rows", "/nowhere")), 300)


def test_what_is_pinned_and_is_not_there_is_left_out() -> None:
    made = make_summary(_original(_LETTER, ("/nowhere", "/amount")), 300)
    assert json.loads(made.handed.text)["pinned"] == {"/amount": 120}


@given(_JSON)
@settings(max_examples=30, deadline=None)
def test_the_same_original_gives_the_same_bytes(value: Any) -> None:
    assume(len(canonical(value)) > 40)
    assert make_summary(_original(value), 120) == make_summary(_original(value), 120)
