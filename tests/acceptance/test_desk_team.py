"""The desk team as its users run it: a real worker, a real broker, the command, and a worker that is killed."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command

from orchestration import runs
from orchestration.models import Run
from tests.people import make_member
from tests.processes import ProcessStarter, child_env, wait_for

_SECONDS = 240


@pytest.fixture
def starter(committed_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStarter]:
    starter = ProcessStarter(child_env(), tmp_path_factory.mktemp("team"))
    call_command("publish_workflows", verbosity=0)
    starter.maintainer()
    yield starter
    starter.end_all()


def test_it_asks_less_each_day_though_a_worker_is_killed(starter: ProcessStarter) -> None:
    make_member("anna", "reviewer")
    worker = starter.worker("first")
    feed = starter.start("feed", "manage.py", "feed_team", "--as", "anna", "--timeout", str(_SECONDS))
    wait_for(lambda: Run.objects.filter(actor__name="team.specialist").exists(), seconds=_SECONDS)

    worker.popen.kill()
    starter.worker("second", wait=False)

    assert feed.popen.wait(_SECONDS) == 0, feed.output()
    table = feed.output()[feed.output().index("day  ") :].splitlines()
    assert [line.split() for line in table[1:4]] == [
        ["2026-03-02", "8", "0", "6", "1", "1", "0"],
        ["2026-03-03", "7", "3", "4", "0", "0", "5"],
        ["2026-03-04", "9", "6", "1", "1", "1", "7"],
    ]
    assert table[4] == "Answered without asking anybody: 0% on the first day, 67% on the last."
    turns = Run.objects.filter(actor__isnull=False, status="succeeded")
    assert all(runs.verify(turn.pk).fault is None for turn in turns)
