"""kill -9 at the beginning, in the body and at the end of each call of an agent: none that was done is paid twice."""

import json
import os
import random
from collections import Counter

import pytest

from orchestration import WorkflowSpec, runs
from orchestration.models import Call, CallTry, Signal, Step
from orchestration.usage.sums import sum_used
from tests.chaos.arena import APPS, Arena
from tests.chaos.modelapp.agents import MODEL_TOOLS, ROUNDS, SIDES
from tests.chaos.specs import step
from tests.processes import SHORT_TIMES

# Each death takes seconds: CHAOS_CALLS=15 dies in all 45 places of fifteen calls.
CALLS = int(os.environ.get("CHAOS_CALLS", "2"))
# So many deaths of one process must not look like crashes of one step.
_PATIENT = json.dumps({**SHORT_TIMES, "CRASH_LIMIT": 100})
_SPEC = WorkflowSpec(name="crash-calls", steps=(step("work", agent="crash.calls", calls=CALLS),))


@pytest.fixture(scope="module")
def workers(arena: Arena) -> Arena:
    arena.worker(RINGMASTER_OVERRIDES=_PATIENT)
    arena.isolated_worker(apps=f"{APPS},tests.chaos.modelapp", RINGMASTER_OVERRIDES=_PATIENT)
    arena.maintainer(RINGMASTER_OVERRIDES=_PATIENT)
    return arena


@pytest.mark.parametrize("point", ["call_begun", "call_paid", "call_ended"])
def test_a_worker_killed_at_each_call_pays_none_that_was_done_again(workers: Arena, point: str) -> None:
    for number in range(CALLS):
        workers.arm(point, f"call-{number}")

    run = workers.start(_SPEC)
    workers.wait_done(run, seconds=240)

    assert len(workers.journal.lines("killed", point=point)) == CALLS
    done = Step.objects.get(run=run)
    assert done.output == [number * number for number in range(CALLS)]
    paid = workers.journal.lines("paid", run=str(run.pk))
    # Only what was under way at the death may be paid twice: made, and not written yet. It has the same key again.
    most = 2 if point == "call_paid" else 1
    assert Counter(line.number for line in paid) == dict.fromkeys(range(CALLS), most)
    assert len({line.call_key for line in paid}) == CALLS
    assert Call.objects.filter(run=run, state="done").count() == CALLS
    states = Counter(CallTry.objects.filter(run=run).values_list("state", flat=True))
    assert states == ({"done": CALLS} if point == "call_ended" else {"done": CALLS, "lost": CALLS})
    assert runs.verify(run.pk).fault is None


# Fifteen calls: a model's requests, and between them what it wants called.
_REQUESTS = [f"asker__model.request#{n}" for n in range(1, MODEL_TOOLS + 2)]
_PATHS = [path for n in range(MODEL_TOOLS) for path in (_REQUESTS[n], f"t.c{n}#1")] + [_REQUESTS[-1]]


_POINTS = ("call_begun", "call_paid", "call_ended")
# All 45 places in three runs where asked; else one of each kind in one run, at the last three calls.
_DEATHS = (
    [[(point, path) for path in _PATHS] for point in _POINTS]
    if len(_PATHS) <= CALLS
    else [list(zip(_POINTS, _PATHS[-3:], strict=True))]
)


@pytest.mark.parametrize("deaths", _DEATHS)
def test_a_model_agent_killed_at_its_calls_goes_on_where_it_was(
    workers: Arena, deaths: list[tuple[str, str]]
) -> None:
    for point, path in deaths:
        workers.arm(point, path)
    before = len(workers.journal.lines("paid"))

    run = workers.start(WorkflowSpec(name="crash-model", steps=(step("work", agent="crash.model"),)))
    workers.wait_done(run, seconds=240)

    assert Step.objects.get(run=run).output == " ".join(str(n * n) for n in range(MODEL_TOOLS))
    paid = Counter(line.path for line in workers.journal.lines("paid")[before:])
    assert paid == dict.fromkeys(_PATHS, 1) | {path: 2 for point, path in deaths if point == "call_paid"}
    states = Counter(CallTry.objects.filter(run=run).values_list("state", flat=True))
    lost = sum(point != "call_ended" for point, _ in deaths)
    assert states == Counter(done=len(_PATHS), lost=lost)
    # As of a run that nobody disturbed: what died reported nothing, and what was answered again cost nothing.
    used = sum_used([run.pk])
    assert (used.input_tokens, used.output_tokens) == (10 * len(_REQUESTS), len(_REQUESTS))
    assert runs.verify(run.pk).fault is None


def test_a_worker_killed_at_a_wait_loses_no_answer_and_pays_nothing_again(workers: Arena) -> None:
    for point, key in (("wait_opened", "go"), ("suspended", "work"), ("wait_opened", "timer")):
        workers.arm(point, key)
    before = len(workers.journal.lines("killed"))

    run = workers.start(WorkflowSpec(name="crash-waits", steps=(step("work", agent="crash.wait"),)))
    # A signal that comes while the worker that opened the wait is dead, or is dying: nobody there hears it.
    workers.wait_until(lambda: len(workers.journal.lines("killed")) > before, "the first death")
    runs.signal(run.pk, "go", {"euro": 5})
    workers.wait_done(run, seconds=240)

    assert Step.objects.get(run=run).output == ["before", {"euro": 5}, "after"]
    assert Counter(line.name for line in workers.journal.lines("paid", run=str(run.pk))) == {
        "before": 1,
        "after": 1,
    }
    assert Signal.objects.get(run=run).step is not None
    assert runs.verify(run.pk).fault is None


def test_a_wait_ends_by_its_signal_and_the_next_by_the_clock(workers: Arena) -> None:
    run = workers.start(WorkflowSpec(name="plain-waits", steps=(step("work", agent="crash.wait"),)))
    waits = Call.objects.filter(run=run.pk, state="open", awaited_in__isnull=False)
    workers.wait_until(waits.exists, "the suspension")
    runs.signal(run.pk, "go", {"euro": 5})
    workers.wait_done(run, seconds=60)
    assert Step.objects.get(run=run).output == ["before", {"euro": 5}, "after"]
    assert Step.objects.get(run=run).crashes == 0


# Calls at once, and agents inside tools: each seed dies in two places that it chooses; CHAOS_SEEDS=20 takes minutes.
SEEDS = int(os.environ.get("CHAOS_SEEDS", "1"))
_LEAVES = [f"t.d{n}{side}#1" for n in range(ROUNDS) for side in SIDES]
_MODELS_OF_TREE = [f"tree__model.request#{n}" for n in range(1, ROUNDS + 2)]
_MODELS_OF_TREE += [f"{leaf}/leaf__model.request#{n}" for leaf in _LEAVES for n in (1, 2)]
_LOOKS = [f"t.n{n}#1" for n in range(ROUNDS)] + [f"{leaf}/t.i{leaf[3:5]}#1" for leaf in _LEAVES]
_TREE = [*_MODELS_OF_TREE, *_LOOKS, *_LEAVES]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_agents_inside_tools_that_run_at_once_pay_nothing_that_was_done_again(
    workers: Arena, seed: int
) -> None:
    chance = random.Random(seed)
    deaths = [(chance.choice(_POINTS), path) for path in chance.sample(_TREE, 2)]
    for point, path in deaths:
        workers.arm(point, path)
    before = len(workers.journal.lines("paid")), len(workers.journal.lines("killed"))

    run = workers.start(WorkflowSpec(name="crash-tree", steps=(step("work", agent="crash.tree"),)))
    workers.wait_done(run, seconds=120)

    assert len(workers.journal.lines("killed")) - before[1] == len(deaths), deaths
    assert Step.objects.get(run=run).output == "done"
    assert set(Call.objects.filter(run=run, state="done").values_list("path", flat=True)) == set(_TREE)
    tries: dict[str, list[str]] = {}
    for path, state in CallTry.objects.filter(run=run).order_by("number").values_list("call__path", "state"):
        tries.setdefault(path, []).append(state)
    # Made again is only what was under way at a death, and nothing once it was done.
    assert all(
        [*states[:-1], states[-1]] == ["lost"] * (len(states) - 1) + ["done"] for states in tries.values()
    )
    paid = Counter(line.path for line in workers.journal.lines("paid")[before[0] :])
    assert set(paid) == set(_MODELS_OF_TREE + _LOOKS)
    assert all(paid[path] <= len(tries[path]) for path in paid), (deaths, paid, tries)
    used = sum_used([run.pk])
    assert (used.input_tokens, used.output_tokens) == (10 * len(_MODELS_OF_TREE), len(_MODELS_OF_TREE))
    assert runs.verify(run.pk).fault is None
