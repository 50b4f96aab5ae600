"""A spec's validations name step and field; its JSON and Python forms are one thing with one digest."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.domain.contract import AgentContract
from orchestration import Retry, StepSpec, WorkflowSpec
from orchestration.domain.spec import (
    MAX_STEPS,
    canonical_spec,
    check_agents,
    digest_spec,
    dump_spec,
    load_spec,
    order_steps,
)
from orchestration.errors import SpecInvalid


def _step(key: str = "a", **fields: Any) -> dict[str, Any]:
    return {"key": key, "agent": "test.agent", **fields}


def _spec(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "demo", "steps": list(steps) or [_step()], **fields}


def _problems(data: object) -> list[tuple[str | None, str]]:
    with pytest.raises(SpecInvalid) as refused:
        load_spec(data)
    return [(problem.step, problem.field) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("data", "step", "field"),
    [
        (_spec(name="Not A Name"), None, "name"),
        (_spec(name="a" * 101), None, "name"),
        ({"name": "demo", "steps": []}, None, "steps"),
        (_spec(*[_step(f"s{n}") for n in range(MAX_STEPS + 1)]), None, "steps"),
        (_spec(input_schema={"type": "no such type"}), None, "input_schema.type"),
        (_spec(colour="red"), None, "colour"),
        ([], None, "workflow"),
        (_spec(_step("1a")), "1a", "key"),
        (_spec(_step("a b")), "a b", "key"),
        (_spec(_step("a\n")), "a\n", "key"),
        (_spec(_step(), _step()), "a", "key"),
        (_spec(_step(needs=["b"])), "a", "needs"),
        (_spec(_step(after=["b"])), "a", "after"),
        (_spec(_step(needs=["a"])), "a", "needs"),
        (_spec(_step(needs=["b"]), _step("b", needs=["a"])), "a", "needs"),
        (_spec(_step(), _step("b", needs=["a"], optional=["c"])), "b", "optional"),
        (_spec(_step(min_confidence=1.01)), "a", "min_confidence"),
        (_spec(_step(min_confidence=-0.1)), "a", "min_confidence"),
        (_spec(_step(timeout_seconds=0)), "a", "timeout_seconds"),
        (_spec(_step(timeout_seconds=86_401)), "a", "timeout_seconds"),
        (_spec(_step(when="input.")), "a", "when"),
        (_spec(_step(when="other.x")), "a", "when"),
        (_spec(_step(), _step("b", when="steps.a.x == 1")), "b", "when"),
        (_spec(_step(input={"x": "1 +"})), "a", "input.x"),
        (_spec(_step(), _step("b", after=["a"], input={"x": "steps['a'].y"})), "b", "input.x"),
        (_spec(_step(), _step("b", after=["a"], when="steps.a == 1")), "b", "when"),
        (_spec(_step(), _step("b", for_each="steps.a")), "b", "for_each"),
        (_spec(_step(on_failure="explode")), "a", "on_failure"),
        (_spec(_step(retry={"max_attempts": 0})), "a", "retry"),
        (_spec(_step(retry={"max_attempts": 51})), "a", "retry"),
        (_spec(_step(retry={"backoff_base_seconds": -1})), "a", "retry"),
        (_spec(_step(retry={"jitter_seconds": 3601})), "a", "retry"),
        (_spec(_step(retry={"tries": 3})), "a", "retry.tries"),
        (_spec(_step(critical="perhaps")), "a", "critical"),
        (_spec({"key": "a"}), "a", "agent"),
        (_spec({"agent": "x.y"}), "#0", "key"),
        (_spec("a"), "#0", "step"),  # type: ignore[arg-type]
        # What grows, and who else may do it.
        (_spec(_step(fallback=7)), "a", "fallback"),
        (_spec(_step(verify={"agent": "x.y"})), "a", "verify.agents"),
        (_spec(_step(verify={"agents": []})), "a", "verify"),
        (_spec(_step(verify={"agents": "x.y", "rule": "most"})), "a", "verify.rule"),
        (_spec(_step(for_each="item")), "a", "for_each"),
        (_spec(_step(for_each="steps.b.list")), "a", "for_each"),
        (_spec(_step(for_each="][")), "a", "for_each"),
        (_spec(_step(workflow="child")), "a", "agent"),
        (_spec({"key": "a", "workflow": "Not A Name"}), "a", "workflow"),
        (_spec({"key": "a", "workflow": "child", "fallback": "x.y"}), "a", "fallback"),
        (_spec(_step(form={"type": "object"})), "a", "form"),
        (_spec({"key": "a", "agent": "human", "form": {"type": 7}}), "a", "form.type"),
        (_spec({"key": "a", "agent": "human", "min_confidence": 0.5}), "a", "min_confidence"),
        (_spec(_step(max_reworks=-1)), "a", "max_reworks"),
        (_spec(_step(compensate=7)), "a", "compensate"),
    ],
)
def test_each_fault_names_step_and_field(data: object, step: str | None, field: str) -> None:
    assert (step, field) in _problems(data)


def test_all_faults_are_named_at_once() -> None:
    faults = _problems(_spec(_step(min_confidence=2), _step("b", needs=["x"]), _step("c", when="(")))
    assert faults == [("a", "min_confidence"), ("b", "needs"), ("c", "when")]


def test_a_cycle_is_shown_as_a_path() -> None:
    data = _spec(_step(needs=["c"]), _step("b", needs=["a"]), _step("c", needs=["b"]))
    with pytest.raises(SpecInvalid, match=r"these steps wait for each other: (\w) -> \w -> \w -> \1"):
        load_spec(data)


def test_the_python_form_refuses_the_same_and_says_where() -> None:
    with pytest.raises(ValidationError, match="step 'b', needs: no step 'x' in this workflow"):
        WorkflowSpec(
            name="demo", steps=(StepSpec("a", agent="x.y"), StepSpec("b", agent="x.y", needs=("x",)))
        )


def test_an_unknown_agent_is_named_with_its_step() -> None:
    spec = load_spec(_spec(_step("a"), _step("b", agent="no.such")))
    with pytest.raises(SpecInvalid) as refused:
        check_agents(spec, lambda name: AgentContract(name) if name == "test.agent" else None)
    assert [(p.step, p.field) for p in refused.value.problems] == [("b", "agent")]
    check_agents(spec, AgentContract)


_PYTHON = WorkflowSpec(
    name="support-reply",
    sla="customer-facing",
    input_schema={"type": "object", "required": ["customer"]},
    steps=[
        StepSpec("history", agent="crm.history", input={"customer": "input.customer"}),
        StepSpec("stock", agent="shop.stock", critical=False, retry=Retry(max_attempts=5)),
        StepSpec(
            "draft",
            agent="a.writer",
            needs=["history", "stock"],
            min_confidence=0.85,
            when="has(input.customer)",
        ),
    ],
)
_JSON: dict[str, Any] = {
    "name": "support-reply",
    "sla": "customer-facing",
    "input_schema": {"type": "object", "required": ["customer"]},
    "steps": [
        {"key": "history", "agent": "crm.history", "input": {"customer": "input.customer"}},
        {"key": "stock", "agent": "shop.stock", "critical": False, "retry": {"max_attempts": 5}},
        {
            "key": "draft",
            "agent": "a.writer",
            "needs": ["history", "stock"],
            "min_confidence": 0.85,
            "when": "has(input.customer)",
        },
    ],
}


def test_the_json_and_the_python_form_are_equal() -> None:
    assert load_spec(_JSON) == _PYTHON
    assert dump_spec(_PYTHON) == _JSON
    assert load_spec(json.loads(canonical_spec(_PYTHON))) == _PYTHON


def test_the_digest_depends_on_the_content_only() -> None:
    steps: list[dict[str, Any]] = _JSON["steps"]
    said_with_defaults = _JSON | {"description": "", "steps": [step | {"after": []} for step in steps]}
    shuffled = dict(reversed(list(_JSON.items())))
    digests = {digest_spec(canonical_spec(load_spec(data))) for data in (_JSON, said_with_defaults, shuffled)}
    # A stored run is pinned to this: a change of the form must not change what is published.
    assert digests == {"94392ee5e0085fc3c472ee45e1e8d9a87d7587dec378b71287e016a7a47f1a65"}
    other = digest_spec(canonical_spec(load_spec(_JSON | {"sla": "internal"})))
    assert other not in digests


@st.composite
def _graphs(draw: st.DrawFn) -> WorkflowSpec:
    """A random DAG whose steps stand in any order."""
    size = draw(st.integers(1, 12))
    steps = []
    for number in range(size):
        before = draw(st.sets(st.integers(0, number - 1), max_size=4)) if number else set()
        keys = tuple(f"s{other}" for other in sorted(before))
        cut = draw(st.integers(0, len(keys)))
        steps.append(StepSpec(f"s{number}", agent="x.y", needs=keys[:cut], after=keys[cut:]))
    return WorkflowSpec(name="random", steps=tuple(draw(st.permutations(steps))))


@given(_graphs())
def test_order_steps_is_a_topological_order(spec: WorkflowSpec) -> None:
    ordered = [step.key for step in order_steps(spec.steps)]
    place = {key: index for index, key in enumerate(ordered)}
    assert sorted(ordered) == sorted(step.key for step in spec.steps)
    assert all(place[before] < place[step.key] for step in spec.steps for before in step.predecessors)


@given(_graphs())
def test_any_spec_survives_its_json_form(spec: WorkflowSpec) -> None:
    again = load_spec(json.loads(canonical_spec(spec)))
    assert again == spec
    assert canonical_spec(again) == canonical_spec(spec)


def test_steps_that_wait_for_nothing_keep_the_specs_order() -> None:
    spec = load_spec(_spec(_step("z"), _step("m"), _step("a"), _step("end", needs=["m", "z"])))
    assert [step.key for step in order_steps(spec.steps)] == ["z", "m", "a", "end"]
