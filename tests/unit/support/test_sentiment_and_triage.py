import pytest

from examples.support.data_files import read_data
from examples.support.sentiment import read_tone
from examples.support.triage import compose_answer


@pytest.mark.parametrize(
    ("text", "label", "is_furious"),
    [
        ("I love it, thank you so much!", "positive", False),
        ("Where is my order?", "neutral", False),
        ("I am a bit disappointed.", "negative", False),
        ("I hate this horrible, terrible, awful shop!!!", "negative", True),
        ("", "neutral", False),
    ],
)
def test_the_tone_of_a_message(text: str, label: str, is_furious: bool) -> None:
    tone = read_tone(text)
    assert (tone.label, tone.is_furious) == (label, is_furious)
    assert -1 <= tone.score <= 1


def test_an_intent_with_a_template_gets_it() -> None:
    answer = compose_answer("pin_change", "ada", read_data("triage_answers"))
    assert answer == {
        "recipient": "ada",
        "email": "",
        "subject": "Your question: pin change",
        "body": 'Hello,\n\nYou can choose a new PIN under "Cards", "PIN".\n\nYour assistant',
    }


def test_another_intent_gets_the_general_answer_with_its_name() -> None:
    answer = compose_answer("tire_pressure", "ada", read_data("triage_answers"))
    assert "Your question is about: tire pressure." in answer["body"]
