"""What calls cost, in whole millionths of a US dollar, rounded up: a configured price, else the table's.

The table is genai-prices', read from its wheel and imported when first asked; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from agents.conf import get_conf
from agents.domain.model_specs import ModelSpec
from agents.domain.usage import MOST_COUNT
from agents.providers.building import find_spec

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

    Look = Callable[..., Decimal | None]


def price_response(response: ModelResponse, name: str | None = None) -> int | None:
    """Return what a response cost; None if neither settings nor the table know, or it did not tell its tokens.

    Args: name: by which the model was asked: some (`gemini-flash-latest`) answer under quite another than their own.
    """
    usage = response.usage
    if usage.unmeasured_requests or not response.model_name:
        return None
    spec = _find_entry(response.provider_name or "", response.model_name, name)
    if spec is not None and spec.price is not None:
        return _bound(
            spec.price.calculate_micro_usd(
                usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens
            )
        )
    if usage.cost is not None:
        return _round_up(usage.cost)
    return _round_up(
        _look_up(
            usage,
            response.model_name,
            url=response.provider_url,
            provider=None if spec is not None and spec.is_compatible else response.provider_name,
            at=response.timestamp,
            context=response.provider_details,
        )
    )


def estimate_cost(name: str, input_tokens: int, output_tokens: int) -> int | None:
    """Return what a call of a model costs at most with so many tokens; None if not known.

    None of them is read from a cache, which is cheaper; all may be written to one, which some providers sell dearer.

    Raises: ModelUnknown: `RINGMASTER["MODELS"]` has no such name.
    """
    spec = find_spec(name)
    costs = (_estimate(spec, input_tokens, output_tokens, written) for written in (0, input_tokens))
    return max((cost for cost in costs if cost is not None), default=None)


def _estimate(spec: ModelSpec, given: int, made: int, written: int) -> int | None:
    if spec.price is not None:
        return _bound(spec.price.calculate_micro_usd(given, made, cache_write_tokens=written))
    counts = {"input_tokens": given, "output_tokens": made} | (
        {"cache_write_tokens": written} if written else {}
    )
    provider = None if spec.is_compatible else spec.provider
    return _round_up(_look_up(counts, spec.model, url=spec.url, provider=provider))


def is_priced(spec: ModelSpec) -> bool:
    """Return whether what calls of this model cost can be told."""
    return estimate_cost(spec.name, 1, 1) is not None


def _find_entry(provider: str, model: str, name: str | None) -> ModelSpec | None:
    """Return the entry of settings that a response came from: the one whose model's name it begins with at most length.

    Providers answer `gpt-5-mini` as `gpt-5-mini-2025-08-07`; a server under an entry's name answers as it likes. Where
    the name is known by which it was asked, that decides, if what answered is of that entry's provider.
    """
    models = get_conf().MODELS
    asked = models.get(name or "")
    if asked is not None and asked.provider == provider:
        return asked
    entries = [spec for spec in models.values() if spec.provider == provider]
    fitting = [spec for spec in entries if spec.is_compatible or model.startswith(spec.model)]
    return max(fitting, key=lambda spec: len(spec.model), default=None)


def _look_up(usage: Any, model: str, **where: Any) -> Decimal | None:
    look: Look = import_string("agents.providers.price_table.look_up")
    return look(usage, model, **where)


def _round_up(usd: Decimal | None) -> int | None:
    if usd is None or not usd.is_finite():
        return None
    return _bound(ceil(usd * 1_000_000))


def _bound(micro_usd: int) -> int | None:
    """Return what a call may have cost; None for what is no price, such as a negative one that a server told."""
    return micro_usd if 0 <= micro_usd <= MOST_COUNT else None
