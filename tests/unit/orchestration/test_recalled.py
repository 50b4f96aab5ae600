"""Memories that are handed over have no more tokens than there is room; a recall that can not be is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.domain.notebook import Hit, MemoryScope
from orchestration import Recall
from orchestration.conf import get_conf
from orchestration.domain.losses import measure_loss
from orchestration.domain.receipts import canonical, digest_text
from orchestration.domain.spec import dump_spec, load_spec
from orchestration.errors import SpecInvalid
from orchestration.handoff import count_tokens, fit_memories
from orchestration.handoff.recalled import LEFT_OUT

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT
    | st.floats(-1e9, 1e9) | _TEXT.map(lambda text: f"{text} is broken. " * 40),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_TEXT, inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


def _hit(value: Any, number: int = 1) -> Hit:
    return Hit(
        scope=MemoryScope.PROJECT,
        key=f"key/{number}",
        value=value,
        version=1,
        written_at=datetime(2026, 11, 30, tzinfo=UTC),
        run_id=None,
        step_key="",
        attempt=None,
        agent="",
        person="desk",
        digest=digest_text(canonical(value)),
        id=number,
    )


@pytest.mark.filterwarnings("ignore:open_binary is deprecated")  # of the tokenizer's package
@pytest.mark.parametrize("tokenizer", ["characters", "o200k_base", "cl100k_base"])
@given(values=st.lists(_JSON, max_size=5), room=st.integers(0, 900))
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_memory_and_no_tokenizer_gives_more_than_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tokenizer: str, values: list[Any], room: int
) -> None:
    with monkeypatch.context() as patch:
        conf = get_conf()
        patch.setattr("orchestration.counting.get_conf", lambda: replace(conf, TOKENIZER=tokenizer))
        found = fit_memories([_hit(value, number) for number, value in enumerate(values, 1)], room)
        handed = [one for one in found if one.entry is not None]
        assert sum(count_tokens(canonical(one.entry)) for one in handed) <= room
        assert [one.tokens_after for one in handed] == [count_tokens(canonical(one.entry)) for one in handed]
    assert [one.memory_id for one in found] == list(range(1, len(values) + 1))
    for value, one in zip(values, found, strict=True):
        _is_accounted_for(value, one)


def _is_accounted_for(value: Any, one: Any) -> None:
    if one.loss_json is None:
        assert (one.entry["value"], one.digest, one.tokens_after) == (
            value, digest_text(canonical(value)), one.tokens_before,
        )  # fmt: skip
        return
    said = None if one.entry is None else one.entry["value"]
    assert one.digest == digest_text(canonical(said))
    assert (said is None) == (one.summarised_by == LEFT_OUT) == (one.tokens_after == 0)
    kept = measure_loss(value, "" if said is None else said["summary"], {}).kept
    assert f'"kept":{kept},' in one.loss_json


def test_the_best_come_first_and_a_small_one_may_fit_where_a_better_one_does_not() -> None:
    found = fit_memories([_hit("a"), _hit("word " * 2_000, 2), _hit("b", 3)], 120)
    assert [one.entry is not None for one in found] == [True, False, True]


def test_a_recall_is_part_of_a_spec_and_of_its_digest() -> None:
    said = {"like": "input.x", "limit": 5}
    step = load_spec(_spec(recall=said)).step_map["b"]
    assert step.recall == Recall(like="input.x", limit=5)
    assert dump_spec(load_spec(_spec(recall=said)))["steps"][1]["recall"] == said
    assert "recall" not in dump_spec(load_spec(_spec()))["steps"][1]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"recall": {"like": "input.("}}, "step 'b', recall.like: bad CEL expression"),
        ({"recall": {"like": ""}}, "step 'b', recall.like: "),
        (
            {"recall": {"like": "memory.x"}},
            "step 'b', recall.like: bad CEL expression: unknown name 'memory'",
        ),
        ({"recall": {"like": "recalled[0]"}}, "step 'b', recall.like: bad CEL expression: unknown name"),
        ({"recall": {"like": "steps.c.x"}}, "step 'b', recall.like: reads steps.c, which is not in needs"),
        ({"recall": {"like": "'x'", "limit": 0}}, "step 'b', recall.limit: must be between 1 and 50"),
        ({"recall": {"like": "'x'", "limit": 51}}, "step 'b', recall.limit: must be between 1 and 50"),
        ({"recall": {"like": "'x'", "scope": "all"}}, "step 'b', recall.scope: "),
        ({"recall": {"like": "'x'", "scope": "actor"}}, "step 'b', recall.scope: only turns of an actor"),
        ({"recall": {"like": "'x'", "most": 3}}, "step 'b', recall.most: "),
        ({"recall": {"limit": 3}}, "step 'b', recall.like: "),
        ({"recall": {"like": "'x'"}, "agent": "human"}, "step 'b', recall: only agents are handed memories"),
        (
            {"recall": {"like": "'x'"}, "agent": "", "workflow": "w"},
            "step 'b', recall: a child run is handed its input alone",
        ),
        ({"when": "size(recalled) > 0"}, "step 'b', when: bad CEL expression: unknown name 'recalled'"),
        ({"when": "digest_so_far != ''"}, "step 'b', when: bad CEL expression: unknown name 'digest_so_far'"),
    ],
)
def test_a_recall_that_can_not_be_is_refused_when_it_is_published(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecInvalid) as refused:
        load_spec(_spec(**fields))
    assert why in str(refused.value)


def test_an_actors_workflow_may_recall_the_actors_memories_and_inputs_what_is_recalled() -> None:
    spec = _spec(recall={"like": "'x'", "scope": "actor"}, input={"a": "recalled", "b": "digest_so_far"})
    load_spec(spec | {"actor": "support.case"})


def _spec(**fields: Any) -> dict[str, Any]:
    after = {"key": "b", "agent": "x", "needs": ["a"]} | fields
    return {"name": "recalls", "steps": [{"key": "a", "agent": "x"}, after]}
