"""Without a classifier only near repetitions of taught texts are understood."""

import pytest

from examples.support.intents import Example
from examples.support.likeness import guess_by_likeness

TAUGHT = [Example("where is my parcel", "order_status"), Example("i want my money back", "refund_status")]


@pytest.mark.parametrize(
    ("text", "label", "confidence"),
    [
        ("Where is my parcel?", "order_status", 1.0),
        ("where is my big parcel", "order_status", 0.8),
        ("I want my money", "refund_status", 0.8),
        ("who are you", "refund_status", 0.0),
    ],
)
def test_the_share_of_common_words_is_the_confidence(text: str, label: str, confidence: float) -> None:
    [guess] = guess_by_likeness(TAUGHT, [text])
    assert guess.confidence == confidence
    assert not confidence or guess.label == label
