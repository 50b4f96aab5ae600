from collections.abc import Callable, Sequence

import pytest

from examples.support.data_files import read_data
from examples.support.intents import Example, Guess
from examples.support.reading import (
    fill_placeholders,
    find_order_numbers,
    mask_names,
    read_language,
    read_matter,
    split_sentences,
)


def _guesser(known: dict[str, Guess]) -> Callable[[Sequence[str]], list[Guess]]:
    """A classifier that knows these texts and nothing else."""
    return lambda texts: [known.get(text, Guess("contact", 0.1)) for text in texts]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("where is #R4101?", ["#R4101"]),
        ("where is r4101 and #R4101", ["#R4101"]),
        ("#W2611340, then #1234567", ["#W2611340", "#1234567"]),
        ("I paid 4101 for 2 lamps in 2024", []),
        ("my R2D2 figure", []),
    ],
)
def test_order_numbers_are_found_once_each_in_order(text: str, numbers: list[str]) -> None:
    assert find_order_numbers(text) == numbers


def test_names_and_numbers_are_masked_also_plural_and_by_their_last_word() -> None:
    masked = mask_names("Are the Desk Lamps of #R4101 like my other lamp?", ["Desk Lamp", "Teapot"])
    assert masked == "are the product of ordernumber like my other product?"


def test_training_texts_are_written_as_the_classifier_sees_messages() -> None:
    [example] = fill_placeholders([Example("Where is the {product} of {order}", "order_status")])
    masked = mask_names("Where is the Teapot of #R4101", ["Teapot"])
    assert example == Example(masked, "order_status")


def test_sentences_are_split_at_ends_and_line_breaks() -> None:
    assert split_sentences("Hi!  Where is it?\n\nThanks. ") == ["Hi!", "Where is it?", "Thanks."]


def test_the_clearest_sentence_says_what_a_message_is_about() -> None:
    guess = _guesser({"Where is it?": Guess("order_status", 0.9), "I moved.": Guess("change_address", 0.3)})
    found = read_matter("I moved. Where is it?", guess)
    assert (found.intent, found.confidence, found.others) == ("order_status", 0.9, ())


def test_small_talk_beside_a_question_does_not_hide_it() -> None:
    guess = _guesser({"Thanks!": Guess("thanks", 0.99), "Where is it?": Guess("order_status", 0.8)})
    found = read_matter("Thanks! Where is it?", guess)
    assert (found.intent, found.confidence, found.others) == ("order_status", 0.8, ())


def test_small_talk_alone_is_what_the_message_is_about() -> None:
    guess = _guesser({"Thanks!": Guess("thanks", 0.99), "It was nice.": Guess("order_status", 0.2)})
    assert read_matter("Thanks! It was nice.", guess).intent == "thanks"


def test_a_second_clear_matter_is_named() -> None:
    guess = _guesser({"Cancel it.": Guess("cancel_order", 0.7), "Where is it?": Guess("order_status", 0.9)})
    assert read_matter("Where is it? Cancel it.", guess).others == ("cancel_order",)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my parcel and when will it come?", "en"),
        ("Wo ist meine Bestellung und wann kommt sie?", "de"),
        ("Bonjour, où est ma commande ? Merci", "fr"),
        ("¿Dónde está mi pedido? Gracias", "es"),
        ("Waar is mijn bestelling en wanneer kan ik het zien", "nl"),
        ("good morning", "en"),
        ("注文はどこですか", "unknown"),
        ("12345 !!!", "unknown"),
    ],
)
def test_the_language_is_read_from_everyday_words(text: str, language: str) -> None:
    assert read_language(text, read_data("languages")) == language
