"""Tangled graphs run in the order of their edges, and every step gets exactly its parents' outputs."""

import pytest

from tests.acceptance.graphs import Graph, own_graphs, real_graphs, to_spec
from tests.chaos.arena import Arena
from tests.chaos.judge import count_starts

# The real ones are there where the recorded data lies beside the checkout; the own ones always run.
GRAPHS = own_graphs() | real_graphs()
STAGGERED = [name for name in GRAPHS if "staggered" in name]


@pytest.fixture(scope="module")
def worker(arena: Arena) -> Arena:
    arena.worker(concurrency=32)
    return arena


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_runs_in_order_and_hands_over_exactly_what_was_made(worker: Arena, name: str) -> None:
    graph: Graph = GRAPHS[name]
    run = worker.start(to_spec(name, graph))

    worker.wait_done(run)

    assert worker.find_faults([run]) == []
    assert count_starts(worker.journal, run) == dict.fromkeys((key for key, _, _ in graph), 1)
    edges = {(edge.predecessor.key, edge.successor.key) for edge in run.edges.all()}
    assert edges == {(parent, key) for key, parents, _ in graph for parent in parents}


@pytest.mark.parametrize("name", STAGGERED)
def test_a_step_never_waits_for_a_slower_unrelated_branch(worker: Arena, name: str) -> None:
    run = worker.start(to_spec(name, GRAPHS[name]))

    worker.wait_done(run)

    order = [line.key for line in worker.journal.lines("start", run=str(run.pk))]
    assert order.index("mix") < order.index("slow5")
