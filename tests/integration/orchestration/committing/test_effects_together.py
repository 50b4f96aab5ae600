"""What other rooms write with an ending, among threads that share the statement, and when its answer is lost."""

import threading
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError
from django.utils.timezone import now

from orchestration.domain.work import Claim
from orchestration.executor import conclude_surely, load_facts, together
from orchestration.executor.gathering import Gathering
from orchestration.executor.prepare import get_step_spec
from orchestration.models import Usage
from orchestration.transitions import finish
from tests.integration.orchestration.rig import Rig, answer, graph, in_thread
from tests.processes import wait_for


def _end(claim: Claim, tokens: int) -> Any:
    said = replace(answer({"n": tokens}), usage={"input_tokens": tokens})
    return conclude_surely(claim, get_step_spec(claim), load_facts(claim), said)


def _begin() -> tuple[Rig, Claim]:
    rig = Rig.begin(graph({"a": ()}))
    return rig, rig.take("a")


def test_who_can_not_write_his_effect_is_held_and_costs_nobody_else_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rigs, claims = zip(*(_begin() for _ in range(4)), strict=True)
    # There already: the database refuses a second one.
    refused = claims[1]
    Usage.objects.create(
        attempt_id=refused.attempt_id, step_id=refused.step_id, run_id=refused.run.run_id, at=now()
    )
    go_on, sizes = threading.Event(), list[int]()

    def act(lines: list[str]) -> finish.Written:
        sizes.append(len(lines))
        if len(sizes) == 1:
            assert go_on.wait(20)
        return together._finish_all_with_effects(lines)

    gathering = Gathering(act, most=32, step_aside=together._give_back_connection)
    monkeypatch.setattr(together, "_FINISHES_WITH_EFFECTS", gathering)

    ends: list[Future[Any]] = [in_thread(partial(_end, claims[0], 1))]
    wait_for(lambda: bool(sizes), seconds=10, what="the first to lead")
    ends += [in_thread(partial(_end, claims[n], n + 1)) for n in (1, 2, 3)]
    wait_for(lambda: len(gathering._waiting) == 3, seconds=10, what="three to come together")
    go_on.set()
    for end in ends:
        end.result(timeout=20)

    assert sizes == [1, 3]
    assert [rig.step("a").status for rig in rigs] == ["succeeded", "held", "succeeded", "succeeded"]
    used = Usage.objects.filter(run__in=[rig.run_id for rig in rigs]).values_list(
        "attempt_id", "input_tokens"
    )
    assert dict(used) == dict(zip((claim.attempt_id for claim in claims), (1, None, 3, 4), strict=True))


def test_an_end_whose_answer_was_lost_has_written_its_effect_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, claim = _begin()
    write, lost = finish.write_finishes, list[str]()

    def write_and_lose(lines: list[str], **more: Any) -> finish.Written:
        written = write(lines, **more)
        if not lost:
            lost.append("answer")
            raise OperationalError("server closed the connection unexpectedly")
        return written

    monkeypatch.setattr(finish, "write_finishes", write_and_lose)

    assert _end(claim, 7).finished is not None

    assert lost
    assert rig.step("a").status == "succeeded"
    used = Usage.objects.filter(run=rig.run_id)
    assert list(used.values_list("attempt_id", "input_tokens")) == [(claim.attempt_id, 7)]
    assert rig.fault() is None
