"""All that concerned an actor, in one order: its turns, what it got and what it sent."""

import json
from io import StringIO
from urllib.parse import quote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from agents import Result, Task
from orchestration import actors
from orchestration.maintenance.mail import deliver_all
from orchestration.models import Actor, Project
from orchestration.selectors.lineage import LineageQuery, list_lineage
from orchestration.selectors.lineage_words import tell_line
from orchestration.testing import drive_all
from tests.integration.orchestration.actors.conftest import Behave
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(behave: Behave) -> Actor:
    """Two turns; the first writes to another actor, and publishes."""

    def turn(task: Task) -> Result:
        if task.messages[0].body == "go":
            task.send("support.case/2", "stay")
            task.publish("case.updated", {"case": task.key})
        return Result(1)

    actors.define_topic("case.updated")
    fakes = behave("support.case", turn)
    for body in ("go", "stay"):
        actors.send("support.case/1", body)
    drive_all(agents=fakes)
    return actors.find_actor("support.case/1")


def test_its_mail_and_its_turns_are_told_in_order(case: Actor) -> None:
    lines = list(list_lineage(LineageQuery(case)))
    told = [tell_line(line) for line in lines if line.kind in ("message", "delivery")]
    got = [line.name for line in lines if line.kind == "delivery"]
    assert got == ["code", "code"]
    assert [words.partition(" message ")[0] for words in told] == ["turn 1 got", "sent", "sent", "turn 2 got"]
    assert "(direct) to support.case/2" in told[1]
    assert "(topic) to case.updated" in told[2]
    assert len({line.run_id for line in lines}) == 2


def test_mail_that_no_turn_got_is_told_too(case: Actor) -> None:
    actors.stop(case.address, "enough")
    late = actors.send(case.address, "too late")
    deliver_all()
    [line] = list_lineage(LineageQuery(case, text="is stopped"))
    assert (line.run_id, line.actor_id, line.kind) == (None, case.pk, "delivery")
    assert tell_line(line) == f"message {late.pk} (direct) of code came, and is dead: it is stopped"
    assert (
        list(list_lineage(LineageQuery(case, until=line.at))) == list(list_lineage(LineageQuery(case)))[:-1]
    )


def test_an_actor_has_a_page_with_its_trace(case: Actor, client: Client) -> None:
    client.force_login(make_member("olga", "operator"))
    way = f"/admin/orchestration/run/trace/?about=actor&amp;name={quote(case.address, safe='')}&amp;project=default"
    assert way in client.get(f"/admin/orchestration/actor/{case.pk}/change/").content.decode()
    page = client.get(way.replace("&amp;", "&") + "&kind=message").content.decode()
    assert "to support.case/2" in page
    assert "turn 1 got" not in page
    Project.objects.create(slug="other", name="Other")
    client.force_login(make_member("stella", "admin", "other"))
    assert "no project &#x27;default&#x27;" in client.get(way.replace("&amp;", "&")).content.decode()


def test_the_command_takes_an_address(case: Actor) -> None:
    written = StringIO()
    call_command("trace", "support.case/1", "--kind", "message", "--json", stdout=written)
    assert [line["name"] for line in json.loads(written.getvalue())] == ["support.case/2", "case.updated"]
    with pytest.raises(CommandError, match=r"no actor 'support\.case/9' in project 'default'"):
        call_command("trace", "support.case/9")
    with pytest.raises(CommandError, match="no project"):
        call_command("trace", "support.case/1", "--project", "nowhere")
