"""What is configured, what the table knows, and what nobody does."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from agents.checks import check_models, check_settings
from agents.domain.usage import CallUsage
from agents.errors import ModelKeyMissing, ModelUnknown
from agents.providers import build_model, describe_usage, estimate_cost
from tests.integration.agents.providers.conftest import PRICE, models

LOCAL = {"model": "openai:llama3", "base_url": "http://127.0.0.1:1/v1"}


def _response(provider: str, model: str, **usage: Any) -> ModelResponse:
    return ModelResponse(
        parts=[TextPart("x")],
        usage=RequestUsage(**({"input_tokens": 1_000, "output_tokens": 100} | usage)),
        provider_name=provider,
        model_name=model,
        provider_response_id="r1",
        finish_reason="stop",
        timestamp=datetime(2026, 11, 1, tzinfo=UTC),
    )


def test_a_usage_is_the_provider_s_count_with_a_cost() -> None:
    response = _response("openai", "gpt-5-mini-2025-08-07", cache_read_tokens=400, output_reasoning_tokens=60)
    assert describe_usage(response) == CallUsage(
        input_tokens=1_000,
        output_tokens=100,
        cache_read_tokens=400,
        reasoning_tokens=60,
        cost_micro_usd=360,  # 600 * 0.25 + 400 * 0.025 + 100 * 2
        provider="openai",
        model="gpt-5-mini-2025-08-07",
        response_id="r1",
        finish_reason="stop",
    )


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-5"), ("anthropic", "claude-sonnet-5"), ("google", "gemini-2.5-flash")],
)
def test_the_table_knows_the_usual_models(provider: str, model: str) -> None:
    assert (describe_usage(_response(provider, model)).cost_micro_usd or 0) > 0


def test_a_configured_price_goes_before_the_table_and_the_longest_name_wins() -> None:
    small = {"input_usd_per_million": "5", "output_usd_per_million": "5"}
    with models(
        big={"model": "openai:gpt-5", "price": PRICE}, small={"model": "openai:gpt-5-mini", "price": small}
    ):
        assert describe_usage(_response("openai", "gpt-5-2025-08-07")).cost_micro_usd == 1_200
        assert describe_usage(_response("openai", "gpt-5-mini-2025-08-07")).cost_micro_usd == 5_500
        assert estimate_cost("big", 1_000, 100) == 1_200


def test_a_model_that_answers_under_another_name_costs_what_its_entry_says() -> None:
    """`latest` is a name of today's model; what answers says which that is."""
    with models(fast={"model": "google:gemini-flash-latest", "price": PRICE}, other="openai:gpt-5"):
        answer = _response("google", "gemini-2.5-flash")
        assert describe_usage(answer, "fast").cost_micro_usd == 1_200
        assert describe_usage(answer, "other") == describe_usage(answer)


def test_an_estimate_has_room_for_what_is_written_to_a_cache() -> None:
    """Anthropic sells that dearer than what is not kept."""
    written = _response("anthropic", "claude-sonnet-5", cache_write_tokens=1_000)
    price = PRICE | {"cache_write_usd_per_million": "1.25"}
    with models(own={"model": "anthropic:claude-opus-5", "price": price}, table="anthropic:claude-sonnet-5"):
        assert estimate_cost("own", 1_000, 100) == 1_450
        estimated, paid = estimate_cost("table", 1_000, 100), describe_usage(written).cost_micro_usd
        assert estimated is not None
        assert paid is not None
        assert (
            estimated
            >= paid
            > (describe_usage(_response("anthropic", "claude-sonnet-5")).cost_micro_usd or 0)
        )


def test_another_server_s_answers_cost_what_its_entry_says_whatever_they_call_their_model() -> None:
    with models(local={**LOCAL, "price": PRICE}):
        assert describe_usage(_response("local", "gpt-5")).cost_micro_usd == 1_200


def test_a_model_s_name_alone_is_no_price() -> None:
    """Another server may call its model as a provider does; what that takes says nothing of it."""
    with models(local={**LOCAL, "model": "openai:gpt-5"}):
        assert describe_usage(_response("local", "gpt-5")).cost_micro_usd is None
        assert estimate_cost("local", 1_000, 100) is None


@pytest.mark.parametrize(
    "response",
    [
        _response("nobody", "nothing"),
        _response("openai", ""),
        _response("openai", "gpt-5", unmeasured_requests=1),
        _response("openai", "gpt-5", cache_read_tokens=5_000),
    ],
    ids=["unknown", "no model", "tokens not told", "more cached than went in"],
)
def test_what_can_t_be_priced_is_not_known(response: ModelResponse) -> None:
    assert describe_usage(response).cost_micro_usd is None


def test_a_gateway_s_own_bill_goes_before_the_table() -> None:
    assert describe_usage(_response("openai", "gpt-5", cost=Decimal("0.0000015"))).cost_micro_usd == 2


def test_an_unknown_price_is_refused_at_start() -> None:
    with models(
        local=LOCAL, odd="openai:gpt-unheard-of", fast="openai:gpt-5-mini", strong="google:gemini-2.5-flash"
    ):
        found = check_models()
    assert [(fault.id, fault.msg) for fault in found] == [
        ("agents.E006", "RINGMASTER['MODELS']['local']: nobody knows what local/llama3 costs"),
        ("agents.E006", "RINGMASTER['MODELS']['odd']: nobody knows what openai/gpt-unheard-of costs"),
    ]
    assert "'price'" in str(found[0].hint)
    with models(local={**LOCAL, "price": PRICE}):
        assert check_models() == []


def test_a_wrong_entry_is_refused_at_start() -> None:
    with models(fast="gpt-5"):
        [fault] = check_settings()
        assert check_models() == []
    assert fault.id == "agents.E001"
    assert "RINGMASTER['MODELS']['fast']['model']: write 'provider:model'" in fault.msg


def test_a_name_that_nobody_gave_is_refused_with_the_nearest() -> None:
    with models(fast="openai:gpt-5-mini"), pytest.raises(ModelUnknown, match="did you mean fast"):
        build_model("fastt")
    with models(), pytest.raises(ModelUnknown, match="check_models"):
        build_model("fast")


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    with (
        models(fast="openai:gpt-5-mini"),
        pytest.raises(ModelKeyMissing, match="OPENAI_API_KEY for the workers"),
    ):
        build_model("fast")


@pytest.mark.parametrize(
    ("model", "kind", "url"),
    [
        ("openai:gpt-5-mini", "ResponsesModel", "https://api.openai.com/v1/"),
        ("openai-chat:gpt-5-mini", "ChatModel", "https://api.openai.com/v1/"),
        ("anthropic:claude-sonnet-5", "MessagesModel", "https://api.anthropic.com"),
        ("google:gemini-2.5-flash", "GeminiModel", "https://generativelanguage.googleapis.com"),
    ],
)
def test_each_provider_has_its_client_and_its_server(
    model: str, kind: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "k-0123456789")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.setenv(name, "http://elsewhere.invalid")
    with models(x=model):
        built = build_model("x")
    assert (type(built).__name__, built.base_url) == (kind, url)
    assert built.settings == {"max_tokens": 4096, "timeout": 300.0}
