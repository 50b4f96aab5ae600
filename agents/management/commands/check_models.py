"""`check_models`: which models are configured, whether they can be asked from here, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.utils.module_loading import import_string

from agents.conf import get_conf
from agents.domain.classification import describe_failure
from agents.domain.model_result import ModelResult
from agents.domain.model_specs import ModelSpec
from agents.domain.redaction import redact
from agents.domain.usage import show_micro_usd
from agents.errors import AgentError
from agents.invoke import find_build_faults
from agents.management.base import EngineCommand
from agents.providers import find_spec, has_key, is_priced

_MOST_MODEL: Final = 200
_HEADINGS: Final = ("NAME", "MODEL", "SERVER", "KEY", "PRICE")


class Command(EngineCommand):
    """Look at the models that settings name."""

    help = (
        "Lists the models of RINGMASTER['MODELS']: server, key here or not, price known or not. --call asks each one a "
        "tiny question, --build builds the agents that ask them. Ends with 1 if a model can't be asked, its price is "
        "not known, or an agent can't be built."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the names, `--call` and `--json`."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="only these models")
        parser.add_argument(
            "--call", action="store_true", help="ask each one a tiny question; costs a few tokens"
        )
        parser.add_argument(
            "--build",
            action="store_true",
            help="build every agent that asks a model; names those that can't be",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="write a JSON array")

    def handle(self, *, names: list[str], call: bool, build: bool, as_json: bool, **options: Any) -> None:
        """Write the list, and what came of asking."""
        specs = _choose(names)
        lines = [_describe(spec) for spec in specs]
        if not as_json:
            self.stdout.write(_as_table(lines))
        faults = [fault for line in lines for fault in line["faults"]]
        for spec, line in zip(specs, lines, strict=True) if call else ():
            line["call"] = answer = _ask(spec)
            if not as_json:
                self.stdout.write(f"{spec.name}: {answer['words']}")
            if not answer["answered"]:
                faults.append(f"{spec.name}: {answer['words']}")
        if build:
            faults += find_build_faults().values()
        if as_json:
            self.stdout.write(json.dumps(lines, indent=2))
        if faults:
            raise CommandError("\n".join(dict.fromkeys(faults)))


def _choose(names: Sequence[str]) -> list[ModelSpec]:
    try:
        return [find_spec(name) for name in names] if names else list(get_conf().MODELS.values())
    except AgentError as error:
        raise CommandError(str(error)) from None


def _describe(spec: ModelSpec) -> dict[str, Any]:
    price = "settings" if spec.price is not None else "table" if is_priced(spec) else None
    faults = []
    if not has_key(spec):
        faults.append(
            f"{spec.name}: {spec.api_key_env} is not set here; set it for the workers that run its agents"
        )
    if price is None:
        faults.append(
            f"{spec.name}: nobody knows what {spec.address} costs; add 'price' to it in RINGMASTER['MODELS']"
        )
    return {
        "name": spec.name,
        "model": spec.address,
        "server": spec.url,
        "key": spec.api_key_env,
        "has_key": has_key(spec),
        "price": price,
        "max_tokens": spec.max_tokens,
        "timeout_seconds": spec.timeout_seconds,
        "faults": faults,
    }


def _ask(spec: ModelSpec) -> dict[str, Any]:
    try:
        result: ModelResult = import_string("agents.providers.asking.ask")(spec.name)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is told in words
        failure = describe_failure(error, spec.name, None)
        return {"answered": False, "kind": failure.kind.value, "words": f"{failure.kind}: {failure.message}"}
    return {"answered": True, "kind": None, "words": _tell(result)}


def _tell(result: ModelResult) -> str:
    cost = (
        "an unknown amount"
        if result.cost_micro_usd is None
        else f"{show_micro_usd(result.cost_micro_usd)} US dollars"
    )
    taken = (
        "tokens not told"
        if result.input_tokens is None
        else f"{result.input_tokens} tokens in, {result.output_tokens} out"
    )
    said = _show(result.text or result.finish_reason or "nothing")
    return (
        f"{_show(result.model, _MOST_MODEL)} answered '{said}' after {(result.latency_ms or 0) / 1000:.1f} s: {taken}, "
        f"for {cost}"
    )


def _show(said: str, most: int = 40) -> str:
    """Return what a server said as a terminal may show it: without the key that it was asked with, on one line."""
    # Masked before it is cut: half a key looks like none.
    shown = redact(said).strip()[:most]
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown)


def _as_table(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return (
            "No models: name them in RINGMASTER['MODELS'], such as {'fast': 'openai:gpt-5-mini'} "
            "(docs/howto/models-and-prices.md)."
        )
    rows = [_HEADINGS, *(tuple(_row(line)) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    key = "none needed" if line["key"] is None else f"{line['key']} {'set' if line['has_key'] else 'NOT SET'}"
    return line["name"], line["model"], line["server"], key, line["price"] or "NOT KNOWN"
