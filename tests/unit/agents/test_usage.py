"""What one call of a model used: counts that can be summed, texts that a row can keep, words for people."""

import pytest

from agents.domain.usage import CallUsage, show_micro_usd


def test_words_of_a_call_say_what_is_known_and_nothing_else() -> None:
    used = CallUsage(1200, 300, 800, 0, 200, 12_300, "openai", "gpt-5", "resp-1", "stop")
    assert used.tokens == 1500
    assert used.words == (
        "1,200 tokens in (800 cached), 300 tokens out (200 reasoning), 0.0123 US dollars, openai/gpt-5, finished: stop"
    )
    assert CallUsage().words == ""


@pytest.mark.parametrize(
    ("micro", "text"), [(0, "0.00"), (1, "0.000001"), (1_500_000, "1.50"), (12_340, "0.01234")]
)
def test_a_cost_is_shown_to_its_last_digit(micro: int, text: str) -> None:
    assert show_micro_usd(micro) == text


@pytest.mark.parametrize("bad", [-1, 10**12 + 1, True, 1.0, "1"])
def test_a_count_that_is_none_is_refused_by_name(bad: object) -> None:
    with pytest.raises(ValueError, match="output_tokens is a whole number"):
        CallUsage(output_tokens=bad)  # type: ignore[arg-type]


def test_no_text_of_a_provider_can_lose_an_answer() -> None:
    used = CallUsage(model="m" * 500, response_id="a\x00b", finish_reason="\ud800")
    assert (len(used.model), used.response_id, used.finish_reason) == (200, "ab", "?")
