"""What the example apps need: a checkout and the tests have all of them, where no other apps are named."""

from collections.abc import Iterable
from typing import Any, Final

from agents.domain.model_specs import read_models
from config import env
from config.errors import BadEnvironment

EXAMPLE_APPS: Final = (
    "examples.support,examples.research,examples.fraud,examples.assistant,examples.desk_team"
)
# One scorer at a time has the GPU; the mail server takes two connections of ours.
_POOLS: Final = {"examples.fraud": {"gpu": 1}, "examples.support": {"mail": 2}}
_ASSISTANT: Final = "examples.assistant"
ASSISTANT_MODEL: Final = "assistant"
"""The name under which the assistant asks for its model."""
SCRIPTED: Final = "openai:scripted"
"""The model of `manage.py model_server`, which needs no provider."""
_SCRIPT_SERVER: Final = "http://127.0.0.1:8765/v1"
_FREE: Final = {"input_usd_per_million": "0", "output_usd_per_million": "0"}


def join(examples: dict[str, Any], own: object) -> Any:
    """Return what the examples need, and over it what somebody set; what is no object stays for `check` to refuse."""
    return {**examples, **own} if isinstance(own, dict) else own


def size_example_pools(apps: Iterable[str]) -> dict[str, int]:
    """Return the sizes of the pools that those of the examples need which are among the apps."""
    return {pool: slots for app in apps for pool, slots in _POOLS.get(app, {}).items()}


def name_example_models(apps: Iterable[str]) -> dict[str, Any]:
    """Return the models that those of the examples need which are among the apps.

    The assistant asks the provider's model that ASSISTANT_MODEL names, with the provider's own key; without it, the
    scripted answers of a server on this machine.

    Raises: BadEnvironment: ASSISTANT_MODEL or ASSISTANT_BASE_URL can't be used.
    """
    return {ASSISTANT_MODEL: _describe_assistant()} if _ASSISTANT in apps else {}


def _describe_assistant() -> dict[str, Any]:
    model = env.text("ASSISTANT_MODEL", SCRIPTED)
    server = env.text("ASSISTANT_BASE_URL", _SCRIPT_SERVER if model == SCRIPTED else "")
    # What a server of one's own costs is not known to any table, and nothing for each token.
    entry = {"model": model, **({"base_url": server, "price": _FREE} if server else {})}
    try:
        read_models({ASSISTANT_MODEL: entry})
    except ValueError as error:
        raise BadEnvironment(f"ASSISTANT_MODEL and ASSISTANT_BASE_URL: {error}") from None
    return entry
