"""What publishing would change, and which live runs would feel it: read before new code is deployed."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum

from agents.selectors import answered_names, find_contract
from orchestration.domain.spec import HUMAN, WorkflowSpec, canonical_spec, digest_spec
from orchestration.domain.states import LIVE_RUN, OPEN
from orchestration.models import Attempt, Step, Workflow
from orchestration.publishing import DEFAULT_PROJECT, find_code_specs

_RECENT_ATTEMPTS = 10_000


class ChangeKind(StrEnum):
    """How a workflow in the code stands to what is published."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class AgentChange:
    """An agent that the code has in another version than the one that performed steps lately."""

    agent: str
    was: int
    now: int


@dataclass(frozen=True, slots=True)
class Change:
    """What publishing one workflow would do.

    Attributes: version: the latest that is published; None: there is none.  diff: unified, of the specs as JSON.
        agents: those of the workflow whose version differs.
        waiting: open steps of its live runs, of any version, by an agent that this code does not know.
    """

    name: str
    kind: ChangeKind
    version: int | None
    diff: str
    agents: tuple[AgentChange, ...]
    waiting: dict[str, int]


def compare_code_specs(project: str = DEFAULT_PROJECT) -> list[Change]:
    """Compare what the code defines with what is published.

    Raises: SpecInvalid: two of them have the same name.
    """
    performed = _read_performed_versions()
    waiting = _count_waiting(project)
    return [_compare(spec, project, performed, waiting[spec.name]) for spec in find_code_specs()]


def _compare(spec: WorkflowSpec, project: str, performed: dict[str, int], waiting: dict[str, int]) -> Change:
    latest = Workflow.objects.filter(project__slug=project, name=spec.name).order_by("-version").first()
    canonical = canonical_spec(spec)
    kind = ChangeKind.NEW if latest is None else ChangeKind.CHANGED
    if latest is not None and latest.digest == digest_spec(canonical):
        kind = ChangeKind.UNCHANGED
    return Change(
        name=spec.name,
        kind=kind,
        version=latest.version if latest else None,
        diff=_describe_difference(latest, canonical) if kind is ChangeKind.CHANGED else "",
        agents=tuple(_compare_agents(spec, performed)),
        waiting=dict(sorted(waiting.items())),
    )


def _describe_difference(latest: Workflow | None, canonical: str) -> str:
    was = f"{latest}" if latest else "nothing"
    before = _lines(latest.spec_json) if latest else []
    return "\n".join(unified_diff(before, _lines(canonical), was, "the code", lineterm=""))


def _lines(spec_json: str) -> list[str]:
    return json.dumps(json.loads(spec_json), indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _compare_agents(spec: WorkflowSpec, performed: dict[str, int]) -> list[AgentChange]:
    named = {
        name.partition("@")[0] for step in spec.steps for group in step.agents.values() for name in group
    }
    contracts = {name: find_contract(name) for name in named}
    return [
        AgentChange(name, performed[name], contract.version)
        for name, contract in sorted(contracts.items())
        if contract is not None and performed.get(name, contract.version) != contract.version
    ]


def _read_performed_versions() -> dict[str, int]:
    """Return by agent the version that performed its latest step, as far as the latest attempts tell."""
    latest = Attempt.objects.order_by("-id").values_list("agent", "agent_version")[:_RECENT_ATTEMPTS]
    versions: dict[str, int] = {}
    for agent, version in latest:
        if version is not None and "@" not in agent:
            versions.setdefault(agent, version)
    return versions


def _count_waiting(project: str) -> dict[str, Counter[str]]:
    """Count, by workflow and agent, the open steps of live runs that nobody with this code could perform."""
    steps = Step.objects.filter(
        run__project__slug=project,
        run__status__in=[str(status) for status in LIVE_RUN],
        status__in=[str(status) for status in OPEN],
    )
    strange = steps.exclude(agent__in=[*answered_names(), HUMAN, ""]).order_by()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for workflow, agent in strange.values_list("run__workflow_name", "agent"):
        counts[workflow][agent] += 1
    return counts
