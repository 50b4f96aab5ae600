"""The classifier itself: trained for real on the shop's own texts, and on small sets."""

from collections.abc import Sequence

import pytest

from examples.support import conf, intent_model
from examples.support.errors import DataError
from examples.support.intent_model import IntentModel
from examples.support.intents import MIN_CONFIDENCE, OUT_OF_SCOPE_LABELS, Example, read_examples
from examples.support.reading import fill_placeholders


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return fill_placeholders(read_examples(conf.DATA_DIR / "intents.jsonl"))


@pytest.fixture(scope="module")
def model(examples: Sequence[Example]) -> IntentModel:
    return intent_model.train(examples)


def test_what_passes_the_bound_is_right_and_what_was_never_taught_stays_below(model: IntentModel) -> None:
    assert model.calibration.right >= 0.97
    assert model.calibration.unseen_escalated >= 0.9
    assert model.calibration.answered >= 0.35


def test_clear_messages_are_read_with_confidence(model: IntentModel) -> None:
    [status, price] = model.guess(["could you tell me where my order is", "what is the price of a product"])
    assert (status.label, price.label) == ("order_status", "product_info")
    assert min(status.confidence, price.confidence) >= MIN_CONFIDENCE


@pytest.mark.parametrize(
    "text", ["who painted the mona lisa", "xqzzt", "", "the quick brown fox", "write me a poem about coffee"]
)
def test_anything_else_stays_below_the_bound(model: IntentModel, text: str) -> None:
    [guess] = model.guess([text])
    assert guess.confidence < MIN_CONFIDENCE


def test_a_guess_is_never_out_of_scope_itself(model: IntentModel, examples: Sequence[Example]) -> None:
    guesses = model.guess([example.text for example in examples])
    assert not {guess.label for guess in guesses} & OUT_OF_SCOPE_LABELS
    assert all(0 <= guess.confidence <= 1 for guess in guesses)


def test_out_of_scope_texts_that_were_taught_are_not_answered(
    model: IntentModel, examples: Sequence[Example]
) -> None:
    strange = [example.text for example in examples if example.label in OUT_OF_SCOPE_LABELS]
    assert max(guess.confidence for guess in model.guess(strange)) < MIN_CONFIDENCE


def test_training_twice_gives_the_same_model(model: IntentModel, examples: Sequence[Example]) -> None:
    texts = [example.text for example in examples[::7]]
    assert intent_model.train(examples).guess(texts) == model.guess(texts)


def test_given_texts_calibrate_and_are_not_learnt_from(examples: Sequence[Example]) -> None:
    learnt, held = examples[::2], examples[1::2]
    model = intent_model.train(learnt, held)
    known = [example for example in held if example.label not in OUT_OF_SCOPE_LABELS]
    assert model.calibration.texts == len(known)
    assert intent_model.train(learnt, held[::-1]).head.weights.tolist() == model.head.weights.tolist()


def test_no_texts_no_guesses(model: IntentModel) -> None:
    assert model.guess([]) == []


def test_what_cannot_be_learnt_is_refused(examples: Sequence[Example]) -> None:
    few = [example for example in examples if example.label in {"invoice", "thanks", "greeting", "other"}]
    with pytest.raises(DataError, match="There are 3 intents to learn; give texts of at least 4"):
        intent_model.train(few)
    with pytest.raises(DataError, match="Intent 'yodel' is to calibrate on but not to learn"):
        intent_model.train(examples, [Example("hey", "yodel")])
