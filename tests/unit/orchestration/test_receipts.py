"""Equal facts have one digest, every fact is part of it, and only the key's owner can sign a root."""

import base64
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.domain.receipts import (
    AttemptLine,
    HandoffLine,
    ReceiptFacts,
    SealFacts,
    build_receipt,
    build_seal,
    digest_events,
    digest_text,
    digest_value,
    stamp,
)
from orchestration.domain.signing import build_signer, verify_signature
from orchestration.domain.states import ReceiptKind

_LINE = HandoffLine("a", "d1", "d0", 10, 5, "sumy@1")
_TRY = AttemptLine(
    number=1,
    token="tok",
    task_id="run.1.1",
    started_at="t0",
    finished_at="t1",
    outcome="answered",
    agent="x.y",
    agent_version=1,
    confidence=0.9,
    usage_json="{}",
    failure_kind="",
    error_class="",
    error_message="",
    traceback_tail="",
    rule="confident",
    decision="accept",
    reason="",
    inputs_json="{}",
    due_at=None,
)
_FACTS = ReceiptFacts(
    run_id="r",
    spec_digest="s",
    step="b",
    round=1,
    revision=0,
    kind=ReceiptKind.OUTPUT,
    attempt=1,
    actor="agent:x.y@1",
    decision="attempt:1",
    parents=("p1", "p2"),
    received=(_LINE,),
    attempts=(_TRY,),
    proposed_digest="f",
    final_digest="f",
    feedback_digest=None,
    finished_at="t1",
    calls={"journal": 0, "digest": "c"},
    memories=(("run", "r", "seen", 1, "d"),),
)
_SEAL = SealFacts(
    result={"kind": "computed"},
    run={"id": "r"},
    steps=[("a", "succeeded")],
    events_digest="e",
    former_root=None,
    beside={"edges": None},
)


def _change(value: Any) -> Any:
    """Return another value of the same kind."""
    if value is None:
        return "x"
    if isinstance(value, ReceiptKind):
        return ReceiptKind.EDIT
    if isinstance(value, dict):
        return value | {"more": 1}
    return [*value, value[-1]] if isinstance(value, tuple | list) else value + type(value)(1)


@pytest.mark.parametrize("name", [field.name for field in fields(ReceiptFacts)])
def test_every_fact_is_part_of_the_receipt(name: str) -> None:
    changed = replace(_FACTS, **{name: _change(getattr(_FACTS, name))})
    assert digest_text(build_receipt(changed)) != digest_text(build_receipt(_FACTS))


@pytest.mark.parametrize("name", HandoffLine._fields)
def test_every_column_of_a_hand_off_is_part_of_the_receipt(name: str) -> None:
    changed = _LINE._replace(**{name: _change(getattr(_LINE, name))})
    assert build_receipt(replace(_FACTS, received=(changed,))) != build_receipt(_FACTS)


@pytest.mark.parametrize("name", AttemptLine._fields)
def test_every_column_of_an_attempt_is_part_of_the_receipt(name: str) -> None:
    changed = _TRY._replace(**{name: _change(getattr(_TRY, name))})
    assert build_receipt(replace(_FACTS, attempts=(changed,))) != build_receipt(_FACTS)


@pytest.mark.parametrize("name", [field.name for field in fields(SealFacts)])
def test_every_fact_is_part_of_the_seal(name: str) -> None:
    assert build_seal(replace(_SEAL, **{name: _change(getattr(_SEAL, name))})) != build_seal(_SEAL)


def test_the_order_in_which_rows_were_read_does_not_matter() -> None:
    other, second = _LINE._replace(from_step="z"), _TRY._replace(number=10)
    ordered = replace(_FACTS, received=(_LINE, other), attempts=(_TRY, second), parents=("p1", "p2"))
    mixed = replace(_FACTS, received=(other, _LINE), attempts=(second, _TRY), parents=("p2", "p1"))
    assert build_receipt(ordered) == build_receipt(mixed)


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_equal_moments_have_one_stamp(moment: datetime, minutes: int) -> None:
    try:
        elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    except OverflowError:
        return
    assert stamp(elsewhere) == stamp(moment)


@given(
    st.dictionaries(
        st.text("abc\u00e9\U0001f600", max_size=5), st.integers(-(2**53) + 1, 2**53 - 1), max_size=5
    )
)
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert digest_value(dict(reversed(list(value.items())))) == digest_value(value)


def test_the_history_digest_sees_every_line_and_its_place() -> None:
    lines = [(1, "a", None), (2, "b", 7)]
    digests = {
        digest_events(some) for some in ([], lines[:1], lines, list(reversed(lines)), [*lines, lines[0]])
    }
    assert len(digests) == 5


_KEY = base64.b64encode(bytes(range(32))).decode()


def test_only_the_right_key_and_root_verify() -> None:
    signer, other = build_signer(_KEY, ""), build_signer(None, "some secret")
    signature = signer.sign("root")
    assert verify_signature(signer.public_key, "root", signature)
    assert not verify_signature(signer.public_key, "roof", signature)
    assert not verify_signature(other.public_key, "root", signature)
    assert not verify_signature(signer.public_key, "root", other.sign("root"))
    assert not verify_signature("no hex", "root", signature)
    assert not verify_signature(signer.public_key, "root", "")


def test_a_derived_key_depends_on_the_secret_only() -> None:
    assert build_signer(None, "a").public_key == build_signer(None, "a").public_key
    assert build_signer(None, "a").public_key != build_signer(None, "b").public_key


@pytest.mark.parametrize("key", ["short", "!!!", base64.b64encode(b"x" * 31).decode()])
def test_a_malformed_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"base64|32 bytes|Base64|padding|binascii|Non-base64|alphabet"):
        build_signer(key, "")
