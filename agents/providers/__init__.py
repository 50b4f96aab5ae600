"""Models of providers: what settings name, built on demand; what came back, and what it cost, as values of our own.

In reading order: `building.py` (a name -> a model), `keys.py` (from the environment, never from settings),
`openai.py`, `anthropic.py` and `google.py` (one client each, imported when first needed) on `http.py`; `results.py`
(a response -> our columns), `prices.py` and `price_table.py`. What settings may say: `agents/domain/model_specs.py`.
What an exception of theirs means: `agents/domain/failure_table.py`.
Why these libraries: docs/adr/0043-models-and-prices.md.

It never tries a call again, and knows nothing of agents, steps or rows.
"""

from agents.providers.building import build_model, find_address, find_spec
from agents.providers.keys import has_key
from agents.providers.prices import estimate_cost, is_priced
from agents.providers.results import describe_usage, normalise

__all__ = [
    "build_model",
    "describe_usage",
    "estimate_cost",
    "find_address",
    "find_spec",
    "has_key",
    "is_priced",
    "normalise",
]
