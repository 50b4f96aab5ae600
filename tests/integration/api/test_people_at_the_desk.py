"""What people take on, how they are told, their views and messages: through the API as in the console, and told."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from escalation.models import AuditLine, Delivery, Notice, Preference, ReviewerProfile, ReviewQueue, SavedView
from tests.integration.escalation.buttons import sign_in
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db

_LINE: dict[str, Any] = {
    "queue": None,
    "is_off": False,
    "channels": [],
    "from_level": 0,
    "time_zone": "Europe/Berlin",
    "quiet_from": "22:00:00",
    "quiet_until": "06:30:00",
    "digest_minutes": 15,
    "urgent_level": 3,
}


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    return ReviewQueue.objects.get(slug="default", project__slug="default")


@pytest.fixture
def rita(queue: ReviewQueue) -> User:
    return give_role(User.objects.create_user("rita"), queue, "reviewer")


@pytest.fixture
def ben(queue: ReviewQueue) -> User:
    return give_role(User.objects.create_user("ben"), queue, "reviewer")


@pytest.fixture
def boss(queue: ReviewQueue) -> Client:
    return sign_in(give_role(User.objects.create_user("boss"), queue, "queue_admin"))


def _send(client: Client, method: str, address: str, body: Any = None) -> Any:
    return client.generic(method, f"/api/v1/{address}", json.dumps(body), content_type="application/json")


def _faults(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [fault["field"] for fault in answer.json()["errors"]]


def _told() -> list[Any]:
    return [json.loads(line.data_json) for line in AuditLine.objects.filter(act="changed").order_by("pk")]


def test_a_manager_says_what_people_take_on_and_it_is_told(boss: Client, rita: User, ben: User) -> None:
    body = {"capacity": 3, "tags": ["vip"], "absent_from": "2026-01-01T00:00:00Z", "substitute": "ben"}

    changed = _send(boss, "PATCH", "reviewers/rita", body)

    assert changed.status_code == 200, changed.content
    assert (changed.json()["is_absent"], changed.json()["substitute"]) == (True, "ben")
    assert _told()[0]["what"] == "profile of rita"
    assert _told()[0]["after"]["capacity"] == 3
    left = _send(boss, "PATCH", "reviewers/rita", {"capacity": None}).json()
    assert (left["capacity"], left["tags"]) == (None, ["vip"])
    listed = boss.get("/api/v1/reviewers").json()["results"]
    assert [row["person"] for row in listed] == ["ben", "boss", "rita"]
    assert _send(boss, "DELETE", "reviewers/rita").status_code == 204
    assert not ReviewerProfile.objects.exists()
    assert _told()[-1]["before"]["tags"] == ["vip"]


def test_pages_of_reviewers_take_as_many_statements_as_one(
    boss: Client, rita: User, queue: ReviewQueue, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        give_role(User.objects.create_user(f"r{number}"), queue, "reviewer")
    first = boss.get("/api/v1/reviewers?page_size=2").json()
    assert len(first["results"]) == 2
    with django_assert_max_num_queries(12):
        assert len(boss.get("/api/v1/reviewers").json()["results"]) == 14
    second = boss.get(f"/api/v1/reviewers?page_size=2&cursor={first['next_cursor']}").json()
    assert second["results"][0]["person"] not in {row["person"] for row in first["results"]}


def test_people_say_themselves_when_they_are_away_and_no_more(rita: User, ben: User) -> None:
    me = sign_in(rita)

    away = _send(me, "PATCH", "me/profile", {"absent_from": "2026-01-01T00:00:00Z", "substitute": "ben"})

    assert away.json()["is_absent"] is True
    assert _faults(_send(me, "PATCH", "me/profile", {"capacity": 99})) == ["capacity"]
    assert _send(me, "PATCH", "reviewers/rita", {"capacity": 99}).status_code == 403
    assert _send(me, "PATCH", "reviewers/ben", {"capacity": 99}).status_code == 404
    assert ReviewerProfile.objects.get().capacity is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"absent_until": "2026-01-01T00:00:00Z"}, "absent_until"),
        ({"absent_from": "2026-01-02T00:00:00Z", "absent_until": "2026-01-01T00:00:00Z"}, "absent_until"),
        ({"absent_from": "tomorrow"}, "absent_from"),
        ({"substitute": "rita"}, "substitute"),
        ({"substitute": "eve"}, "substitute"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": True}, "capacity"),
        ({"tags": ["x" * 41]}, "tags.0"),
        ({"user": 7}, "user"),
    ],
)
def test_a_profile_at_fault_is_refused_by_field(
    boss: Client, rita: User, body: dict[str, Any], field: str
) -> None:
    User.objects.create_user("eve")

    assert _faults(_send(boss, "PATCH", "reviewers/rita", body)) == [field]

    assert not ReviewerProfile.objects.exists()
    assert _told() == []


def test_how_one_is_told_is_ones_own_and_told_in_the_audit(rita: User, ben: User) -> None:
    Preference.objects.create(user=ben)
    lines = [_LINE, {**_LINE, "queue": "default/default", "is_off": True}]

    kept = _send(sign_in(rita), "PUT", "me/preferences", {"preferences": lines})

    assert kept.status_code == 200, kept.content
    assert kept.json() == sign_in(rita).get("/api/v1/me/preferences").json() == {"preferences": lines}
    assert list(_told()[0]["after"]) == ["default/default", "everything else"]
    assert Preference.objects.filter(user=ben).count() == 1
    assert _send(sign_in(rita), "PUT", "me/preferences", {"preferences": []}).json() == {"preferences": []}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"quiet_until": None}, "quiet_until"),
        ({"quiet_until": "22:00"}, "quiet_until"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"channels": ["nowhere"]}, "channels"),
        ({"queue": "other/theirs"}, "queue"),
        ({"digest_minutes": 1441}, "digest_minutes"),
        ({"is_off": 1}, "is_off"),
    ],
)
def test_a_line_at_fault_is_named_and_the_others_stay(rita: User, changed: Any, field: str) -> None:
    Preference.objects.create(user=rita, digest_minutes=7)
    lines = [{**_LINE, "queue": "default/default"}, {**_LINE, **changed}]

    answer = _send(sign_in(rita), "PUT", "me/preferences", {"preferences": lines})

    assert _faults(answer) == [f"preferences.1.{field}"]
    assert [row.digest_minutes for row in Preference.objects.all()] == [7]


def test_one_line_about_the_same_is_enough(rita: User) -> None:
    answer = _send(sign_in(rita), "PUT", "me/preferences", {"preferences": [_LINE, _LINE]})

    assert _faults(answer) == ["preferences.1.queue"]


def test_views_are_kept_under_a_name_and_are_ones_own(rita: User, ben: User) -> None:
    me = sign_in(rita)
    filters = {"state": "breaching", "search": "lamp & co", "queue": 3, "tag": "vip"}

    kept = _send(me, "POST", "me/views", {"name": " My  own ", "filters": filters}).json()

    assert (kept["name"], kept["filters"]) == ("My own", filters)
    again = _send(me, "POST", "me/views", {"name": "My own", "filters": {}}).json()
    assert (again["id"], again["filters"]) == (kept["id"], {})
    assert [row["name"] for row in me.get("/api/v1/me/views").json()["results"]] == ["My own"]
    assert _send(sign_in(ben), "DELETE", f"me/views/{kept['id']}").status_code == 404
    assert _send(me, "DELETE", f"me/views/{kept['id']}").status_code == 204
    for number in range(20):
        SavedView.objects.create(person=rita, name=f"v{number}", query="")
    refused = _send(me, "POST", "me/views", {"name": "one more", "filters": {}})
    assert (refused.status_code, refused.json()["code"]) == (400, "setting_invalid")
    assert refused.json()["detail"].startswith("name: ")


def test_messages_are_seen_and_sent_again_by_whom_they_concern(
    boss: Client, rita: User, ben: User, queue: ReviewQueue
) -> None:
    now = timezone.now()
    notice = Notice.objects.create(key="k", happening="breached", queue=queue)
    lost = Delivery.objects.create(
        channel="fax", person=rita, due_at=now, gave_up_at=now, last_error="no\nline"
    )
    lost.notices.add(notice)
    waits = Delivery.objects.create(channel="fax", person=ben, due_at=now + timedelta(hours=1))

    assert [row["id"] for row in boss.get("/api/v1/messages").json()["results"]] == [str(lost.pk)]
    mine = sign_in(rita).get("/api/v1/messages?state=lost").json()["results"]
    assert [(row["person"], row["last_error"]) for row in mine] == [("rita", "no line")]
    assert sign_in(ben).get("/api/v1/messages?state=lost").json()["results"] == []

    refused = _send(sign_in(ben), "POST", f"messages/{lost.pk}/again")
    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")
    again = _send(boss, "POST", f"messages/{lost.pk}/again")
    assert (again.status_code, again.json()["state"]) == (200, "failed before")
    refused = _send(sign_in(ben), "POST", f"messages/{waits.pk}/again")
    assert (refused.status_code, refused.json()["code"]) == (409, "message_not_lost")
    assert AuditLine.objects.filter(act="told").count() == 1


def test_a_test_over_a_channel_is_for_managers(boss: Client, rita: User) -> None:
    Delivery.objects.create(channel="fax", due_at=timezone.now())

    assert [line["name"] for line in boss.get("/api/v1/channels").json()] == ["fax"]
    assert _send(sign_in(rita), "POST", "messages/test", {}).status_code == 204
    assert _send(sign_in(rita), "POST", "messages/test", {"channel": "fax"}).status_code == 403
    assert _faults(_send(boss, "POST", "messages/test", {"channel": "mail"})) == ["channel"]
    assert _send(boss, "POST", "messages/test", {"channel": "fax"}).status_code == 204
    assert list(Notice.objects.order_by("made_at").values_list("person", "channel")) == [
        (rita.pk, ""),
        (None, "fax"),
    ]


def test_a_profile_that_goes_in_the_console_is_told(rita: User) -> None:
    lena = sign_in(make_member("lena", "admin"))
    profile = ReviewerProfile.objects.create(user=rita, capacity=2)

    answer = lena.post(f"/admin/escalation/reviewerprofile/{profile.pk}/delete/", {"post": "yes"})

    assert answer.status_code == 302
    assert not ReviewerProfile.objects.exists()
    assert _told()[0]["before"]["capacity"] == 2
