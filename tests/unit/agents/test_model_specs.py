from decimal import Decimal

import pytest

from agents.domain.model_specs import ModelPrice, ModelSpec, read_models

_LOCAL = {
    "model": "openai:llama3",
    "base_url": "http://127.0.0.1:8000/v1",
    "api_key_env": "VLLM_KEY",
    "max_tokens": 512,
    "timeout_seconds": 60,
    "price": {"input_usd_per_million": "0.10", "output_usd_per_million": "0.40"},
}


def test_a_model_is_named_by_provider_and_model() -> None:
    assert read_models({"fast": "openai:gpt-5-mini"}) == {
        "fast": ModelSpec("fast", "openai", "gpt-5-mini", api_key_env="OPENAI_API_KEY")
    }
    fast = read_models({"fast": "openai:gpt-5-mini"})["fast"]
    assert (fast.address, fast.url) == ("openai/gpt-5-mini", "https://api.openai.com/v1")
    assert not fast.takes_chat_completions


def test_an_entry_says_the_rest() -> None:
    local = read_models({"local": _LOCAL})["local"]
    assert local == ModelSpec(
        name="local",
        kind="openai",
        model="llama3",
        base_url="http://127.0.0.1:8000/v1",
        api_key_env="VLLM_KEY",
        max_tokens=512,
        timeout_seconds=60.0,
        price=ModelPrice(Decimal("0.10"), Decimal("0.40")),
    )
    assert (local.address, local.takes_chat_completions) == ("local/llama3", True)


@pytest.mark.parametrize(
    ("model", "variable"),
    [("anthropic:claude-sonnet-5", "ANTHROPIC_API_KEY"), ("google:gemini-2.5-flash", "GOOGLE_API_KEY")],
)
def test_the_key_s_variable_is_the_provider_s(model: str, variable: str) -> None:
    assert read_models({"x": model})["x"].api_key_env == variable


@pytest.mark.parametrize("model", ["openai:llama3", "anthropic:claude-sonnet-5", "google:gemini-2.5-flash"])
def test_another_server_gets_no_key_unless_one_is_named(model: str) -> None:
    assert (
        read_models({"x": {"model": model, "base_url": "https://gateway.example"}})["x"].api_key_env is None
    )


def _fault(said: object, name: object = "fast") -> str:
    with pytest.raises(ValueError, match="RINGMASTER") as caught:
        read_models({name: said})
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "field", "word"),
    [
        ("gpt-5-mini", "model", "write 'provider:model'"),
        ("openai:", "model", "write 'provider:model'"),
        ("cohere:command", "model", "there is no provider 'cohere'; write one of openai,"),
        ({}, "model", "write 'provider:model'"),
        ({"model": "openai:x", "basurl": "http://x"}, "basurl", "did you mean 'base_url'?"),
        ({"model": "openai:x", "colour": 1}, "colour", "known are model, base_url"),
        ({"model": "openai:x", "base_url": "127.0.0.1:8000"}, "base_url", "write http://"),
        ({"model": "openai:x", "base_url": "http://[x"}, "base_url", "write http://"),
        ({"model": "openai:x", "base_url": "http://h/?a=1"}, "base_url", "nor a query"),
        ({"model": "openai:x", "base_url": "http://h:99999/v1"}, "base_url", "a port from 1 to 65535"),
        ({"model": "openai:x", "base_url": "http://h:0/v1"}, "base_url", "a port from 1 to 65535"),
        ({"model": "openai:x", "base_url": "http://h:x/v1"}, "base_url", "a port from 1 to 65535"),
        ({"model": "openai:x", "base_url": "http://h/v1\n"}, "base_url", "without spaces"),
        ({"model": "openai:x", "base_url": "http://h\n.evil/v1"}, "base_url", "without spaces"),
        ({"model": "openai:x", "base_url": " http://h/v1"}, "base_url", "without spaces"),
        ({"model": "openai:x", "max_tokens": 0}, "max_tokens", "a whole number from 1, this is 0"),
        ({"model": "openai:x", "max_tokens": True}, "max_tokens", "a whole number from 1"),
        ({"model": "openai:x", "timeout_seconds": "60"}, "timeout_seconds", "a number above 0, this is '60'"),
        ({"model": "openai:x", "timeout_seconds": float("nan")}, "timeout_seconds", "a number above 0"),
        ({"model": "openai:x", "price": "1"}, "price", "an object with 'input_usd_per_million'"),
        (
            {"model": "openai:x", "price": {"input_usd_per_million": "1"}},
            "price.output_usd_per_million",
            "as text, such as '0.40', this is None",
        ),
        (
            {"model": "openai:x", "price": {"input_usd_per_million": 0.1, "output_usd_per_million": "1"}},
            "price.input_usd_per_million",
            "this is 0.1",
        ),
        (
            {"model": "openai:x", "price": {"input_usd_per_milion": "1"}},
            "price.input_usd_per_milion",
            "did you mean 'input_usd_per_million'?",
        ),
    ],
)
def test_what_can_t_be_used_is_named_with_what_to_write(said: object, field: str, word: str) -> None:
    fault = _fault(said)
    assert f"RINGMASTER['MODELS']['fast'][{field!r}]: " in fault
    assert word in fault


@pytest.mark.parametrize("name", ["", "Fast", "a b", "x" * 64, 7, "a:b"])
def test_a_name_is_short_and_plain(name: object) -> None:
    assert "name it with at most 63" in _fault("openai:x", name)


@pytest.mark.parametrize("said", [[], "openai:x", 7, None])
def test_the_setting_is_a_mapping(said: object) -> None:
    with pytest.raises(ValueError, match="must map a name to a model"):
        read_models(said)


def test_every_fault_is_told_at_once() -> None:
    assert len(_fault({"model": "x", "max_tokens": 0, "colour": 1}).splitlines()) == 3


_KEY = "sk-live-0123456789abcdef0123"


@pytest.mark.parametrize(
    "said",
    [
        {"model": "openai:x", "api_key": _KEY},
        {"model": "openai:x", "api_key_env": _KEY},
        {"model": "openai:x", "base_url": f"https://user:{_KEY}@host/v1"},
        {"model": "openai:x", "base_url": f"https://host/v1?key={_KEY}"},
    ],
)
def test_a_key_in_settings_is_refused_and_never_shown(said: object) -> None:
    assert _KEY not in _fault(said)


def test_a_server_of_others_does_not_pass_for_a_provider() -> None:
    assert "give this server another name" in _fault(
        {"model": "openai:x", "base_url": "http://h"}, name="anthropic"
    )


def test_one_model_has_one_price() -> None:
    price = {"input_usd_per_million": "1", "output_usd_per_million": "2"}
    with pytest.raises(ValueError, match=r"'b'.*has another price as 'a'"):
        read_models(
            {
                "a": {"model": "openai:x", "price": price},
                "b": {"model": "openai:x", "price": {**price, "input_usd_per_million": "3"}},
            }
        )
    assert (
        len(
            read_models(
                {"a": {"model": "openai:x", "price": price}, "b": {"model": "openai:x", "price": price}}
            )
        )
        == 2
    )


@pytest.mark.parametrize(
    ("tokens", "micro_usd"),
    [
        ((0, 0), 0),
        ((1, 0), 1),
        ((10, 0), 1),
        ((11, 0), 2),
        ((1_000_000, 1_000_000), 500_000),
        ((100, 10, 50, 20), 14),  # 30 * 0.1 + 10 * 0.4 + 50 * 0.01 + 20 * 0.3 = 13.5
        ((10, 0, 50), 1),  # more from the cache than went in: what is left over costs nothing
    ],
)
def test_a_cost_is_whole_and_rounded_up(tokens: tuple[int, ...], micro_usd: int) -> None:
    price = ModelPrice(Decimal("0.1"), Decimal("0.4"), Decimal("0.01"), Decimal("0.3"))
    assert price.calculate_micro_usd(*tokens) == micro_usd


def test_tokens_of_a_cache_without_a_price_cost_as_input() -> None:
    assert ModelPrice(Decimal(1), Decimal(2)).calculate_micro_usd(10, 0, 4, 4) == 10
