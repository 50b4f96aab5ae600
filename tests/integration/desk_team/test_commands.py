"""`feed_team` and `report_team`: what they refuse, and what they print."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from examples.desk_team.days import FIRST_DAY, read_days, send_mails
from orchestration import runs
from orchestration.models import Message
from orchestration.testing import drive_all
from tests.people import make_member

pytestmark = pytest.mark.django_db


def _feed_first_day() -> None:
    send_mails(read_days()[0], FIRST_DAY, day_seconds=0.0)
    drive_all()


def test_the_report_is_a_line_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    runs.publish_code_specs()
    for day in read_days():
        send_mails(day, FIRST_DAY, day_seconds=3_600)
        drive_all()

    call_command("report_team")
    told = capsys.readouterr().out.splitlines()
    call_command("report_team", json=True)

    assert told[0].split("  ")[0] == "day"
    assert [line.split()[:3] for line in told[1:4]] == [
        ["2026-03-02", "8", "0"],
        ["2026-03-03", "7", "3"],
        ["2026-03-04", "9", "5"],
    ]
    assert told[4] == "Answered without asking anybody: 0% on the first day, 56% on the last."
    assert [each["memory"] for each in json.loads(capsys.readouterr().out)] == [0, 3, 5]


def test_a_report_of_nothing_says_what_to_do() -> None:
    with pytest.raises(CommandError, match=r"feed it with `manage\.py feed_team`"):
        call_command("report_team")


def test_without_workers_it_says_that_what_was_sent_is_kept() -> None:
    runs.publish_code_specs()
    with pytest.raises(CommandError, match=r"--timeout: day 1 goes on .* feed the day again"):
        call_command("feed_team", day=1, timeout=0.05)


def test_without_published_workflows_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"not published: `manage\.py publish_workflows`"):
        call_command("feed_team")
    assert not Message.objects.exists()


def test_a_person_who_may_not_decide_is_told_why() -> None:
    runs.publish_code_specs()
    _feed_first_day()
    eve = make_member("eve", "reviewer")
    eve.is_active = False
    eve.save()
    with pytest.raises(CommandError, match=r"--as: .*eve.* feed the day again"):
        call_command("feed_team", day=1, person="eve", day_seconds=0.0)


def test_what_another_message_was_fed_as_is_refused_by_its_day(tmp_path: Path) -> None:
    runs.publish_code_specs()
    _feed_first_day()
    file = tmp_path / "days.jsonl"
    file.write_text('{"day": 1, "message_id": "m01", "customer": "kit", "text": "Something else."}\n')
    with pytest.raises(
        CommandError, match=r"day 1: 2026-03-02 was fed with other messages.* choose another --start"
    ):
        call_command("feed_team", messages=file)


def test_a_day_or_a_person_that_is_none_is_named() -> None:
    with pytest.raises(CommandError, match=r"--day: there is no day 9 .* 1, 2, 3"):
        call_command("feed_team", day=9)
    with pytest.raises(CommandError, match="--as: there is no user 'nobody'"):
        call_command("feed_team", person="nobody")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: no JSON"),
        ("[]", "line 2: day"),
        ('{"day": "1", "text": "x"}', "line 2: day"),
        ('{"day": 0, "message_id": "m1", "customer": "kit", "text": "x"}', "line 2: day: .* from 1 to 1,000"),
        ('{"day": 1, "message_id": "m1", "customer": "a/b", "text": "x"}', "line 2: customer: .*without '/'"),
        ('{"day": 1, "message_id": "m1", "customer": "kit", "text": " "}', "line 2: text: .* of 1 to 10,000"),
        ('{"day": 1, "news": "lock", "topic": "locks", "text": "x"}', "line 2: topic: .*one of delivery"),
        ('{"day": 1, "message_id": "m1", "text": "x"}', "line 2: customer"),
        ('{"day": 1, "news": "lock", "text": "x"}', "line 2: topic"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "days.jsonl"
    file.write_text(f'{{"day": 1, "message_id": "m0", "customer": "kit", "text": "x"}}\n{line}\n')
    with pytest.raises(CommandError, match=message):
        call_command("feed_team", messages=file)


def test_a_file_without_a_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "days.jsonl"
    file.write_text("\n")
    with pytest.raises(CommandError, match=r"days\.jsonl has no line"):
        call_command("feed_team", messages=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--messages: .*nowhere\.jsonl can't be read"):
        call_command("feed_team", messages=tmp_path / "nowhere.jsonl")
