"""What a worker tells of the agents it has: contract, models, tools, and why one could not be built. Pure.

A worker writes it once its agents are built, whoever shows it reads it from the worker's row and imports no agent. Who
can write into a row can write anything: what is read is bounded and checked, and what can't be read is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from agents.domain.classification import make_storable
from agents.domain.contract import MAX_NAME_LENGTH, AgentContract
from agents.domain.redaction import redact

MOST_BYTES: Final = 256 * 1024
"""Of all that one worker tells; of what is longer nothing is read."""
MOST_AGENTS: Final = 2_000
MOST_TOOLS: Final = 50
MOST_MODELS: Final = 10
MOST_EFFECTS: Final = 8
MOST_WORDS: Final = 100
MOST_FAULT: Final = 300


class Readiness(StrEnum):
    """Ready: it performs steps.  Building: not built yet.  Failed: it could not be built, and is tried again."""

    READY = "ready"
    BUILDING = "building"
    FAILED = "failed"


class Approval(StrEnum):
    """When a tool's call needs a person. By itself: only if the tool asks for it when it is called."""

    ALWAYS = "always"
    BY_ARGUMENTS = "by_arguments"
    BY_ITSELF = "by_itself"


@dataclass(frozen=True, slots=True)
class BuildFault:
    """Why an agent could not be built. Attributes: error_class: dotted.  message: one line, without secrets."""

    error_class: str
    message: str

    @property
    def words(self) -> str:
        """Return both in a line."""
        return f"{self.error_class}: {self.message}"


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool that a model may have called.

    Attributes: within: the inner agent that has it; "" for the agent itself.  effects: as it declares them.
        repeatable: it is called again where nobody knows whether it happened.  digest: of its schema and description.
    """

    name: str
    within: str = ""
    effects: tuple[str, ...] = ()
    reversible: bool = True
    repeatable: bool = True
    approval: Approval = Approval.BY_ITSELF
    digest: str = ""


@dataclass(frozen=True, slots=True)
class AgentOffer:
    """What a worker tells of one agent.

    Attributes:
        input_digest, output_digest: of the schemas; "" where none is declared.
        models: that it asks, by the names of settings.
        tools: the first of them.  tool_count: how many there are.  has_more: further ones are known only at work.
        tools_digest: of all tools with their schemas, effects and approvals; "" where the agent is not built.
        is_brief: its tools and models are left out, since what the worker tells would be too long.
    """

    name: str
    version: int
    kind: str
    queue: str
    readiness: Readiness = Readiness.READY
    effects: tuple[str, ...] = ()
    reversible: bool = True
    input_digest: str = ""
    output_digest: str = ""
    models: tuple[str, ...] = ()
    tools: tuple[ToolOffer, ...] = ()
    tool_count: int = 0
    has_more: bool = False
    tools_digest: str = ""
    is_brief: bool = False
    fault: BuildFault | None = None


@dataclass(frozen=True, slots=True)
class Offers:
    """All that a worker tells. `left_out`: agents beyond what may be told.  is_readable: it could be read at all."""

    agents: tuple[AgentOffer, ...] = ()
    left_out: int = 0
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Built:
    """What building an agent showed of it."""

    models: tuple[str, ...] = ()
    tools: tuple[ToolOffer, ...] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """How the building of an agent ended. One of both is None."""

    built: Built | None = None
    fault: BuildFault | None = None


NOT_YET: Final = Build()


def describe_fault(error_class: str, message: str) -> BuildFault:
    """Return a fault as it may be told: one short line, its secrets masked."""
    # Masked before it is cut: half a secret looks like none.
    line = " ".join(redact(message).split())
    return BuildFault(_cut(error_class, MOST_WORDS), _cut(line, MOST_FAULT))


def describe_contract(contract: AgentContract, build: Build | None) -> AgentOffer:
    """Return what is told of an agent. Args: build: of one that has to be built here; None: it has not."""
    offer = AgentOffer(
        name=contract.name,
        version=contract.version,
        kind=contract.kind.value,
        queue=contract.queue.value,
        readiness=_find_readiness(build),
        effects=cut_all(contract.effects, MOST_EFFECTS),
        reversible=contract.reversible,
        input_digest=_digest(contract.input_schema),
        output_digest=_digest(contract.output_schema),
        fault=build.fault if build is not None else None,
    )
    return offer if build is None or build.built is None else _add_built(offer, build.built)


def digest_tool(name: str, description: str, schema: Mapping[str, Any]) -> str:
    """Return the digest of what a model is told of a tool."""
    return _digest({"name": name, "description": description, "schema": schema})


def write_offers(offers: Iterable[AgentOffer]) -> str:
    """Return what a worker tells as JSON of at most `MOST_BYTES`; agents that don't fit whole are told briefly."""
    told: list[str] = []
    left_out, size = 0, 100
    for offer in offers:
        for each in (offer, _shorten(offer)):
            text = json.dumps(asdict(each), separators=(",", ":"))
            if size + len(text) < MOST_BYTES and len(told) < MOST_AGENTS:
                told.append(text)
                size += len(text) + 1
                break
        else:
            left_out += 1
    return f'{{"agents":[{",".join(told)}],"left_out":{left_out}}}'


@lru_cache(maxsize=64)
def read_offers(told_json: str) -> Offers:
    """Return what a worker told; what can't be read is left out, and nothing is raised."""
    if not told_json:  # of a release that tells nothing
        return Offers()
    try:
        said = json.loads(told_json) if len(told_json) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("agents"), list):
        return Offers(is_readable=False)
    listed = said["agents"]
    agents = [offer for each in listed[:MOST_AGENTS] if (offer := _read_agent(each)) is not None]
    return Offers(
        tuple(agents), _read_count(said.get("left_out")) + len(listed) - len(agents), is_readable=True
    )


def _find_readiness(build: Build | None) -> Readiness:
    if build is None or build.built is not None:
        return Readiness.READY
    return Readiness.BUILDING if build.fault is None else Readiness.FAILED


def _add_built(offer: AgentOffer, built: Built) -> AgentOffer:
    return replace(
        offer,
        models=cut_all(built.models, MOST_MODELS),
        tools=built.tools[:MOST_TOOLS],
        tool_count=len(built.tools),
        has_more=built.has_more,
        tools_digest=_digest([asdict(tool) for tool in built.tools]),
    )


def _shorten(offer: AgentOffer) -> AgentOffer:
    return AgentOffer(
        offer.name, offer.version, offer.kind, offer.queue, offer.readiness, is_brief=True, fault=offer.fault
    )


def _digest(value: object) -> str:
    if value is None:
        return ""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _cut(text: str, most: int) -> str:
    """Return a text as a page and a terminal may show it, with at most so many characters."""
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:most])
    return make_storable(plain)


def cut_all(texts: Sequence[str], most: int) -> tuple[str, ...]:
    """Return the first of some texts, each as it may be told."""
    return tuple(_cut(text, MOST_WORDS) for text in texts[:most])


def _read_agent(said: object) -> AgentOffer | None:
    """Return an agent as a row tells it; None: it has no name by which it could be shown."""
    if not isinstance(said, dict) or not (name := _read_text(said, "name", MAX_NAME_LENGTH)):
        return None
    tools = said.get("tools")
    listed = tools if isinstance(tools, list) else []
    readiness = said.get("readiness")
    return AgentOffer(
        name=name,
        version=_read_count(said.get("version")),
        kind=_read_text(said, "kind"),
        queue=_read_text(said, "queue"),
        readiness=Readiness(readiness) if readiness in list(Readiness) else Readiness.READY,
        effects=_read_texts(said, "effects", MOST_EFFECTS),
        reversible=said.get("reversible") is not False,
        input_digest=_read_text(said, "input_digest"),
        output_digest=_read_text(said, "output_digest"),
        models=_read_texts(said, "models", MOST_MODELS),
        tools=tuple(tool for each in listed[:MOST_TOOLS] if (tool := _read_tool(each)) is not None),
        tool_count=max(_read_count(said.get("tool_count")), len(listed)),
        has_more=said.get("has_more") is True,
        tools_digest=_read_text(said, "tools_digest"),
        is_brief=said.get("is_brief") is True,
        fault=_read_fault(said.get("fault")),
    )


def _read_tool(said: object) -> ToolOffer | None:
    if not isinstance(said, dict) or not (name := _read_text(said, "name")):
        return None
    approval = said.get("approval")
    return ToolOffer(
        name=name,
        within=_read_text(said, "within"),
        effects=_read_texts(said, "effects", MOST_EFFECTS),
        reversible=said.get("reversible") is not False,
        repeatable=said.get("repeatable") is not False,
        approval=Approval(approval) if approval in list(Approval) else Approval.BY_ITSELF,
        digest=_read_text(said, "digest"),
    )


def _read_fault(said: object) -> BuildFault | None:
    if not isinstance(said, dict):
        return None
    # Masked once more: another process wrote it.
    return describe_fault(
        _read_text(said, "error_class") or "an error", _read_text(said, "message", 4 * MOST_FAULT)
    )


def _read_text(said: Mapping[str, Any], name: str, most: int = MOST_WORDS) -> str:
    value = said.get(name)
    return _cut(value, most) if isinstance(value, str) else ""


def _read_texts(said: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    values = said.get(name)
    return (
        cut_all([each for each in values[:most] if isinstance(each, str)], most)
        if isinstance(values, list)
        else ()
    )


def _read_count(value: object) -> int:
    return min(value, 10**9) if type(value) is int and value > 0 else 0
