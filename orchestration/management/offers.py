"""What workers tell of their agents, as lines and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from orchestration.domain.offering import Standing, describe_tool
from orchestration.management.terminal import show_table, show_text

_HEADINGS = ("NAME", "VERSION", "WORKERS", "MODELS", "TOOLS", "STATE")
_TOOL_HEADINGS = ("AGENT", "TOOL", "EFFECTS", "APPROVAL")
NOBODY = (
    "No present worker tells of agents: start one with `celery -A config worker`; `manage.py list_agents` alone shows "
    "what the code at hand has."
)


def show_standings(standings: Sequence[Standing]) -> Iterator[str]:
    """Yield a line for each agent, its tools, and what is wrong."""
    if not standings:
        yield NOBODY
        return
    yield from show_table(_HEADINGS, [_row(standing) for standing in standings])
    tools = [
        (standing.name, *describe_tool(tool))
        for standing in standings
        if standing.best is not None
        for tool in standing.best.tools
    ]
    if tools:
        yield ""
        yield from show_table(_TOOL_HEADINGS, tools)
    faults = [line for standing in standings for line in _list_faults(standing)]
    if faults:
        yield ""
        yield from faults


def describe_standing(standing: Standing) -> dict[str, Any]:
    """Return how an agent stands as JSON has it."""
    best = standing.best
    return {
        "agent": standing.name,
        "offered_by": list(standing.offered_by),
        "building": list(standing.building),
        "faults": [{"worker": worker, **asdict(fault)} for worker, fault in standing.faults],
        "differences": [
            {
                "what": each.what,
                "sides": [{"told": value, "workers": list(names)} for value, names in each.sides],
            }
            for each in standing.differences
        ],
        "told": asdict(best) if best is not None else None,
    }


def _row(standing: Standing) -> tuple[str, ...]:
    best = standing.best
    return (
        standing.name,
        str(best.version) if best is not None else "not told",
        str(len(standing.offered_by)),
        (", ".join(best.models) if best is not None else "") or "-",
        str(best.tool_count) + ("+" if best.has_more else "")
        if best is not None and best.tools_digest
        else "-",
        standing.state.value,
    )


def _list_faults(standing: Standing) -> Iterator[str]:
    for worker, fault in standing.faults:
        yield f"{worker} couldn't build {standing.name}: {show_text(fault.words, 420)}"
    for difference in standing.differences:
        yield f"workers differ about {standing.name}, {show_text(difference.words, 420)}"
