"""Asks the table of prices that genai-prices brings. Importing this loads it; `prices.py` does so when it must."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from genai_prices import Usage, calc_price


def look_up(
    usage: Any,
    model: str,
    *,
    url: str | None = None,
    provider: str | None = None,
    at: datetime | None = None,
    context: Mapping[str, Any] | None = None,
) -> Decimal | None:
    """Return what a call cost in US dollars; None if the table does not know.

    Args:
        usage: tokens by kind, or what a response says of them.
        url: of the server: asked first, as several servers may sell one model.
        provider: asked second; None: the URL alone decides, as a model's name alone says nothing of who serves it.
        at: when it was made: prices differ by day and hour.
        context: what else the response says, such as its service tier.
    """
    counts = Usage(**usage) if isinstance(usage, dict) else usage
    for reference in ({"provider_api_url": url}, {"provider_id": provider}):
        if not any(reference.values()):
            continue
        try:
            return calc_price(
                counts, model, genai_request_timestamp=at, price_context=context, **reference
            ).total_price
        except (LookupError, ValueError):
            # Unknown there; or counts that can't be, such as more from the cache than went in.
            continue
    return None
