"""Where nothing breaks, chain links and one chord body carry a run; the maintainer is not needed."""

import re
from collections import Counter

from tests.chaos.arena import Arena
from tests.chaos.judge import count_starts
from tests.chaos.specs import FAN, ring_spec

# Too slow to be run on in place: each step needs a message.
RING = ring_spec("ring", seconds=0.3)


def test_without_a_maintainer_each_step_has_one_message_and_the_join_one_chord_body(arena: Arena) -> None:
    worker = arena.worker()
    run = arena.start(RING)
    arena.wait_done(run)
    ids = dict(run.steps.values_list("key", "pk"))
    # The last message's answer is noted after its run has ended.
    arena.wait_until(lambda: arena.journal.lines("answered", step=ids["tail2"]), "the last answer")

    received = Counter(re.findall(r"Task ring/(\w+)\[\S+\] received", worker.output()))
    assert received == dict.fromkeys(ids, 1)
    assert [line.key for line in arena.journal.lines("body")] == ["join"]
    # What a worker sent itself: the fan-out as one chord, and what is behind the join. The rest were links.
    sent = [sorted(line.steps) for line in arena.journal.lines("dispatched")]
    assert sent == [[ids[key] for key in FAN], [ids["tail1"]]]
    assert count_starts(arena.journal, run) == dict.fromkeys(ids, 1)
    assert arena.find_faults([run]) == []
