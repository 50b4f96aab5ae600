"""What `RINGMASTER["MODELS"]` says of a model: where it is, which key it takes, what a call may take and cost.

Read from settings into values, or refused with the field's name and what to write instead. No key of a provider stands
in settings, so none can stand in an error: a text where a variable's name belongs is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from math import ceil
from typing import Any, Final
from urllib.parse import urlsplit

from agents.domain.settings import MOST_COUNT, MOST_SECONDS

DEFAULT_MAX_TOKENS: Final = 4096
DEFAULT_TIMEOUT_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Service:
    """A provider that we have a client for.

    Attributes:
        provider: how responses and price lists call it.  base_url: of its own servers.
        api_key_env: the variable that its own documentation names.
    """

    provider: str
    base_url: str
    api_key_env: str


_OPENAI: Final = Service("openai", "https://api.openai.com/v1", "OPENAI_API_KEY")
SERVICES: Final[Mapping[str, Service]] = {
    "openai": _OPENAI,
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
    "anthropic": Service("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "google": Service("google", "https://generativelanguage.googleapis.com", "GOOGLE_API_KEY"),
}
"""By the word before the colon. `openai` is OpenAI's Responses API, and with a `base_url` its Chat Completions, which
servers of others take; the two other words name one of them."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_MODEL: Final = re.compile(r"[^\s\x00-\x1f]{1,200}")
_ADDRESS: Final = re.compile(r"[!-~]{1,2000}")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_PRICE_FIELDS: Final = (
    "input_usd_per_million",
    "output_usd_per_million",
    "cache_read_usd_per_million",
    "cache_write_usd_per_million",
)
_FIELDS: Final = ("model", "base_url", "api_key_env", "max_tokens", "timeout_seconds", "stream", "price")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """US dollars for a million tokens of each kind. Tokens of a cache without a price of their own cost as input."""

    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    cache_read_usd_per_million: Decimal | None = None
    cache_write_usd_per_million: Decimal | None = None

    def calculate_micro_usd(
        self, input_tokens: int, output_tokens: int, cache_read_tokens: int = 0, cache_write_tokens: int = 0
    ) -> int:
        """Return what a call costs in whole millionths of a dollar, rounded up.

        Args: input_tokens: all, those of the cache among them.  output_tokens: all, reasoning among them.
        """
        plain = max(input_tokens - cache_read_tokens - cache_write_tokens, 0)
        read, write = self.cache_read_usd_per_million, self.cache_write_usd_per_million
        # A dollar for a million tokens is a millionth of a dollar for one.
        return ceil(
            plain * self.input_usd_per_million
            + output_tokens * self.output_usd_per_million
            + cache_read_tokens * (self.input_usd_per_million if read is None else read)
            + cache_write_tokens * (self.input_usd_per_million if write is None else write)
        )


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One entry of `RINGMASTER["MODELS"]`.

    Attributes:
        name: by which agents ask for it.
        kind: a key of `SERVICES`: which client speaks to it.
        model: how its provider calls it.
        base_url: of a server that is not the provider's own; None for the provider's.
        api_key_env: the variable that holds the key; None if none is sent.
        max_tokens: most that one answer may have, reasoning included.
        timeout_seconds: longest silence of the server during one call.
        stream: whether its answers are asked for piece by piece, where people may watch them.
        price: None if the table of prices is asked.
    """

    name: str
    kind: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    max_tokens: int = DEFAULT_MAX_TOKENS
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    stream: bool = True
    price: ModelPrice | None = None

    @property
    def url(self) -> str:
        """Return the base URL of its server."""
        return self.base_url or SERVICES[self.kind].base_url

    @property
    def provider(self) -> str:
        """Return how its responses name their provider: a server that takes OpenAI's requests, by this entry's name."""
        return self.name if self.is_compatible else SERVICES[self.kind].provider

    @property
    def is_compatible(self) -> bool:
        """Return whether it is somebody else's server that takes OpenAI's requests."""
        return self.base_url is not None and SERVICES[self.kind] is _OPENAI

    @property
    def takes_chat_completions(self) -> bool:
        """Return whether OpenAI's client is to send Chat Completions, not Responses."""
        return self.kind == "openai-chat" or (self.kind == "openai" and self.base_url is not None)

    @property
    def address(self) -> str:
        """Return provider and model, as people know them: `openai/gpt-5-mini`."""
        return f"{self.provider}/{self.model}"


def read_models(given: object) -> dict[str, ModelSpec]:
    """Return what settings say of each model.

    Raises: ValueError: a line for every field that can't be used, which says what can.
    """
    if not isinstance(given, Mapping):
        raise ValueError(  # noqa: TRY004 - as every other fault of settings
            "RINGMASTER['MODELS'] must map a name to a model, such as {'fast': 'openai:gpt-5-mini'}"
        )
    specs: dict[str, ModelSpec] = {}
    faults: list[str] = []
    for name, said in given.items():
        entry = _Entry(name, said)
        faults += entry.faults
        if entry.spec is not None:
            specs[entry.spec.name] = entry.spec
    faults += _find_doubled(specs.values())
    if faults:
        raise ValueError("\n".join(faults))
    return specs


class _Entry:
    """One entry being read: the spec, or everything that is wrong with it."""

    def __init__(self, name: object, said: object) -> None:
        self._at = f"RINGMASTER['MODELS'][{name!r:.80}]"
        self.faults: list[str] = []
        self.spec: ModelSpec | None = None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._refuse("", "name it with at most 63 of a-z, 0-9, '_', '.' and '-', such as 'fast'")
            return
        if isinstance(said, str):
            said = {"model": said}
        if not isinstance(said, Mapping):
            self._refuse(
                "", "write 'provider:model', such as 'openai:gpt-5-mini', or an object with 'model' in it"
            )
            return
        self._read(name, said)

    def _refuse(self, field: str, why: str) -> None:
        self.faults.append(f"{self._at}{f'[{field!r:.80}]' if field else ''}: {why}")

    def _read(self, name: str, said: Mapping[Any, Any]) -> None:
        self._refuse_unknown(said, _FIELDS, "")
        kind, model = self._read_model(said.get("model"))
        base_url = self._read_url(said.get("base_url"))
        own_key = SERVICES[kind].api_key_env if kind and base_url is None else None
        spec = ModelSpec(
            name=name,
            kind=kind,
            model=model,
            base_url=base_url,
            api_key_env=self._read_variable(said.get("api_key_env")) or own_key,
            max_tokens=self._read_count(said.get("max_tokens", DEFAULT_MAX_TOKENS)),
            timeout_seconds=self._read_seconds(said.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)),
            stream=self._read_flag(said.get("stream", True)),
            price=self._read_price(said.get("price")),
        )
        if kind and spec.is_compatible and name in SERVICES:
            self._refuse(
                "", f"give this server another name: '{name}' is a provider's, with prices of its own"
            )
        if not self.faults:
            self.spec = spec

    def _refuse_unknown(self, said: Mapping[Any, Any], known: tuple[str, ...], field: str) -> None:
        for key in said.keys() - set(known):
            near = get_close_matches(str(key), known, n=1)
            if key == "api_key":
                why = "no key belongs into settings: put it into an environment variable, and name that in api_key_env"
            elif near:
                why = f"unknown; did you mean {near[0]!r}?"
            else:
                why = f"unknown; known are {', '.join(known)}"
            self._refuse(f"{field}.{key}" if field else str(key), why)

    def _read_model(self, said: object) -> tuple[str, str]:
        kind, colon, model = said.partition(":") if isinstance(said, str) else ("", "", "")
        if not colon or not _MODEL.fullmatch(model):
            self._refuse("model", "write 'provider:model', such as 'openai:gpt-5-mini'")
            return "", ""
        if kind not in SERVICES:
            self._refuse(
                "model",
                f"there is no provider {kind!r:.40}; write one of {', '.join(SERVICES)} before the colon; "
                "a server that takes OpenAI's requests is 'openai:…' with its 'base_url'",
            )
            return "", ""
        return kind, model

    def _read_url(self, said: object) -> str | None:
        if said is None:
            return None
        try:
            # Before it is split: line breaks and tabs are passed over there, and sent by nobody.
            parts = urlsplit(said) if isinstance(said, str) and _ADDRESS.fullmatch(said) else None
            is_fine = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)
            is_fine = is_fine and parts is not None and parts.port != 0  # which raises for one beyond 65535
            has_more = parts is not None and (
                parts.username or parts.password or parts.query or parts.fragment
            )
        except ValueError:
            is_fine = has_more = False
        if not is_fine or has_more:
            self._refuse(
                "base_url",
                "write http:// or https://, the host, a port from 1 to 65535 and the path, such as "
                "'http://127.0.0.1:8000/v1', without spaces, and neither a user nor a password nor a query",
            )
            return None
        return str(said)

    def _read_variable(self, said: object) -> str | None:
        if said is None or (isinstance(said, str) and _VARIABLE.fullmatch(said)):
            return said
        # Not shown: it may be the key itself.
        self._refuse("api_key_env", "write the name of an environment variable, such as 'OPENAI_API_KEY'")
        return None

    def _read_count(self, said: object) -> int:
        if isinstance(said, bool) or not isinstance(said, int) or not 1 <= said <= MOST_COUNT:
            self._refuse("max_tokens", f"write a whole number from 1, this is {said!r:.40}")
            return DEFAULT_MAX_TOKENS
        return said

    def _read_seconds(self, said: object) -> float:
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said <= MOST_SECONDS:
            self._refuse("timeout_seconds", f"write a number above 0, this is {said!r:.40}")
            return DEFAULT_TIMEOUT_SECONDS
        return float(said)

    def _read_flag(self, said: object) -> bool:
        if not isinstance(said, bool):
            self._refuse("stream", f"write true or false, this is {said!r:.40}")
            return True
        return said

    def _read_price(self, said: object) -> ModelPrice | None:
        if said is None:
            return None
        if not isinstance(said, Mapping):
            self._refuse("price", "write an object with 'input_usd_per_million' and 'output_usd_per_million'")
            return None
        self._refuse_unknown(said, _PRICE_FIELDS, "price")
        amounts = {field: self._read_amount(field, said.get(field)) for field in _PRICE_FIELDS}
        first, second, *cached = amounts.values()
        return None if first is None or second is None else ModelPrice(first, second, *cached)

    def _read_amount(self, field: str, said: object) -> Decimal | None:
        if said is None and field.startswith("cache"):
            return None
        if isinstance(said, int) and not isinstance(said, bool):
            said = str(said)
        if isinstance(said, str) and _AMOUNT.fullmatch(said):
            return Decimal(said)
        self._refuse(
            f"price.{field}",
            f"write US dollars for a million tokens as text, such as '0.40', this is {said!r:.40}",
        )
        return None


def _find_doubled(specs: Any) -> Iterator[str]:
    """Yield models that have two prices: what a response cost could not be told."""
    prices: dict[str, tuple[str, ModelPrice | None]] = {}
    for spec in specs:
        first, price = prices.setdefault(spec.address, (spec.name, spec.price))
        if price != spec.price:
            yield (
                f"RINGMASTER['MODELS'][{spec.name!r}]['price']: {spec.address} has another price as {first!r}; "
                "write the same in both"
            )
