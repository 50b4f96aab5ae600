"""A policy changed on paper: other numbers for steps and for the engine, to see what they would have decided."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from orchestration.domain.policy.values import Situation
from orchestration.domain.spec import StepSpec, dump_step, load_step
from orchestration.domain.spec_rules import find_bound_problems
from orchestration.errors import Problem, SpecInvalid

EVERY_STEP: Final = "*"
_DECIDING: Final = (
    "retry", "verify", "fallback", "critical", "on_failure", "min_confidence", "deadline_seconds",
)  # fmt: skip
# Of a gate only how often it sends back: verdicts are not asked for again.
_DECIDING_OF: Final = {"verify": ("max_revisions",)}
_ENGINE: Final = ("default_min_confidence", "crash_limit")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is other.

    Attributes: steps: key, or `*` for every step -> fields of its spec; those of `retry` and `verify` one by one.
        engine: `default_min_confidence`, `crash_limit`.
    """

    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)

    def change_situation(self, situation: Situation) -> Situation:
        """Return a situation with the changed numbers of the engine."""
        return replace(situation, **self.engine) if self.engine else situation

    def change_step(self, spec: StepSpec) -> StepSpec:
        """Return a step's spec with its changes, those of every step first.

        Raises: SpecInvalid: it would be none.
        """
        wanted = [self.steps[key] for key in (EVERY_STEP, spec.key) if key in self.steps]
        if not wanted:
            return spec
        data = json.loads(dump_step(spec))
        for changes in wanted:
            for name, value in changes.items():
                known = data.get(name)
                data[name] = known | value if isinstance(known, dict) and isinstance(value, dict) else value
        changed = load_step(data)
        if problems := find_bound_problems(changed):
            raise SpecInvalid(problems)
        return changed


def read_changes(said: Any) -> Changes:
    """Read a changed policy from its JSON form.

    Raises: SpecInvalid: every problem, naming step and field.
    """
    if not isinstance(said, dict):
        raise SpecInvalid([Problem(None, "policy", "must be a JSON object")])
    steps = said.get("steps", {})
    problems = [
        Problem(None, name, f"unknown; known are steps, {', '.join(_ENGINE)}")
        for name in said
        if name not in ("steps", *_ENGINE)
    ]
    if not isinstance(steps, dict) or not all(isinstance(fields, dict) for fields in steps.values()):
        problems.append(Problem(None, "steps", "must map a step's key, or *, to an object of its fields"))
        raise SpecInvalid(problems)
    problems += [
        Problem(key, name, f"decides nothing; what does is {', '.join(_DECIDING)}")
        for key, fields in steps.items()
        for name in fields
        if name not in _DECIDING
    ]
    problems += [
        Problem(key, name, f"must be an object of {', '.join(parts)}: nothing else of it decides here")
        for key, fields in steps.items()
        for name, parts in _DECIDING_OF.items()
        if name in fields and not (isinstance(fields[name], dict) and fields[name].keys() <= set(parts))
    ]
    problems += _check_engine(said)
    if problems:
        raise SpecInvalid(problems)
    return Changes(steps, {name: said[name] for name in _ENGINE if name in said})


def _check_engine(said: Mapping[str, Any]) -> list[Problem]:
    confidence, crashes = said.get("default_min_confidence", 0), said.get("crash_limit", 1)
    problems = []
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        problems.append(Problem(None, "default_min_confidence", "must be a number from 0 to 1"))
    if isinstance(crashes, bool) or not isinstance(crashes, int) or crashes < 1:
        problems.append(Problem(None, "crash_limit", "must be a whole number from 1"))
    return problems
