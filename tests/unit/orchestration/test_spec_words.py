"""The words of a spec that speak of a run's end and of people: each fault names its step and field."""

import json
from typing import Any

import pytest

from agents.domain.contract import AgentContract
from orchestration import Review, StepSpec, WorkflowSpec
from orchestration.domain.plan import resolve_spec
from orchestration.domain.spec import canonical_spec, check_agents, dump_spec, load_spec
from orchestration.domain.states import StepKind
from orchestration.errors import SpecInvalid


def _spec(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "demo", "steps": [{"key": "a", "agent": "test.agent"} | step for step in steps], **fields}


def _review(**fields: Any) -> dict[str, Any]:
    return _spec({"review": fields})


@pytest.mark.parametrize(
    ("data", "step", "field", "message"),
    [
        (_spec({}, output="steps.b.x"), None, "output", "reads steps.b, which is no step of this workflow"),
        (_spec({}, output="steps.a +"), None, "output", "bad CEL expression"),
        (_spec({}, output="item"), None, "output", "unknown name 'item'; known are input and steps"),
        (_spec({"safe_default": 2**60}), "a", "safe_default", "2^53"),
        (_spec({"safe_default": {"x": ["\ud800"]}}), "a", "safe_default.x.0", ""),
        (
            _spec({"agent": "human", "form": {"type": "object"}, "safe_default": [1]}),
            "a",
            "safe_default",
            "the form does not allow it",
        ),
        (_spec({"ends_run": "perhaps"}), "a", "ends_run", ""),
        (_spec({"audit_rate": 1.1}), "a", "audit_rate", "between 0 and 1"),
        (_spec({"audit_rate": -0.1}), "a", "audit_rate", "between 0 and 1"),
        (
            _spec({"agent": "human", "audit_rate": 0.5}),
            "a",
            "audit_rate",
            "only an agent's answers are sampled",
        ),
        (
            _spec({"agent": "", "workflow": "child", "audit_rate": 0.5}),
            "a",
            "audit_rate",
            "only an agent's answers are sampled",
        ),
        (_review(title="steps.a"), "a", "review", "unknown name 'steps'; known are input and proposal"),
        (_review(title="input."), "a", "review", "title is no CEL expression"),
        (_review(question="x" * 501), "a", "review", "at most 500"),
        (_review(labels={"": "x"}), "a", "review", "labels: '' names no field"),
        (_review(labels={"x": ""}), "a", "review", "labels: that of 'x'"),
        (_review(fold=["x"] * 201), "a", "review", "at most 200 places"),
        (_review(link=["x"]), "a", "review.link", ""),
    ],
)
def test_each_fault_names_step_and_field(
    data: dict[str, Any], step: str | None, field: str, message: str
) -> None:
    with pytest.raises(SpecInvalid) as refused:
        load_spec(data)
    assert [(p.step, p.field) for p in refused.value.problems] == [(step, field)]
    assert message in refused.value.problems[0].message


def test_a_safe_default_must_be_what_the_agent_says_that_it_puts_out() -> None:
    schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    spec = load_spec(_spec({"safe_default": {"text": 7}}))
    with pytest.raises(SpecInvalid) as refused:
        check_agents(spec, lambda name: AgentContract(name, output_schema=schema))
    problem = refused.value.problems[0]
    assert (problem.step, problem.field) == ("a", "safe_default.text")
    assert "the output schema of 'test.agent' does not allow it" in problem.message
    check_agents(
        load_spec(_spec({"safe_default": {"text": "x"}})), lambda n: AgentContract(n, output_schema=schema)
    )


_OFFER: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "body": {"type": "string"},
        "customer": {
            "type": "object",
            "properties": {"mail": {"type": "string"}},
            "additionalProperties": False,
        },
        "lines": {"type": "array", "items": {"properties": {"price": {}}, "additionalProperties": False}},
        "rest": {"type": "object"},
    },
}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"main": "bdoy"}, "review.main"),
        ({"labels": {"customer.email": "Mail"}}, "review.labels"),
        ({"fold": ["lines.cost"]}, "review.fold"),
        ({"links": ["body", "link"]}, "review.links"),
    ],
)
def test_a_review_names_only_fields_that_the_agent_puts_out(said: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        check_agents(load_spec(_spec({"review": said})), lambda n: AgentContract(n, output_schema=_OFFER))
    assert [(p.step, p.field) for p in refused.value.problems] == [("a", field)]
    assert "is no field of what the step puts out" in refused.value.problems[0].message


def test_a_review_may_name_fields_within_others_in_lists_and_where_the_schema_is_open() -> None:
    review = {
        "main": "body",
        "labels": {"customer.mail": "Mail", "lines.price": "Euro"},
        "fold": ["lines"],
        "links": ["rest.page"],
    }
    spec = load_spec(_spec({"review": review}))
    check_agents(spec, lambda name: AgentContract(name, output_schema=_OFFER))
    check_agents(spec, AgentContract)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"main": "a..b"}, "main: 'a..b' names no field"),
        ({"labels": {"lines[0].price": "Euro"}}, "labels: 'lines[0].price' names no field"),
        ({"labels": {"body": ""}}, "labels: that of 'body' must have 1 to 100 characters"),
        ({"fold": ["."]}, "fold: '.' names no field"),
        ({"links": [""]}, "links: '' names no field"),
    ],
)
def test_a_place_that_names_no_field_is_refused_by_its_name(said: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        load_spec(_spec({"review": said}))
    (problem,) = refused.value.problems
    assert problem.step == "a"
    assert (problem.field or "").startswith("review")
    assert words in problem.message


def test_python_and_json_say_the_same() -> None:
    python = WorkflowSpec(
        name="demo",
        output="steps.a.text",
        steps=(
            StepSpec(
                "a",
                agent="test.agent",
                safe_default={"text": ""},
                ends_run=True,
                audit_rate=0.02,
                review=Review(question="Send it?", title="input.name", main="text", labels={"text": "Reply"}),
            ),
        ),
    )
    said = {
        "key": "a",
        "agent": "test.agent",
        "safe_default": {"text": ""},
        "ends_run": True,
        "audit_rate": 0.02,
        "review": {
            "question": "Send it?",
            "title": "input.name",
            "main": "text",
            "labels": {"text": "Reply"},
        },
    }
    assert dump_spec(python) == {"name": "demo", "output": "steps.a.text", "steps": [said]}
    assert load_spec(json.loads(canonical_spec(python))) == python


def test_words_that_are_absent_leave_the_canonical_form_as_it_was() -> None:
    spec = WorkflowSpec(name="demo", steps=(StepSpec("a", agent="test.agent"),))
    assert canonical_spec(spec) == '{"name":"demo","steps":[{"agent":"test.agent","key":"a"}]}'


def test_an_item_does_not_end_the_run_of_its_list() -> None:
    steps = load_spec(_spec({"for_each": "input.list", "ends_run": True})).step_map
    assert steps["a"].ends_run
    assert not resolve_spec(steps, StepKind.ITEM, "a", None, "test.agent").ends_run
