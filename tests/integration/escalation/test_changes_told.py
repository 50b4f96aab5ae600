"""Who works at a queue, how its team is told, and what is deleted: the audit has it before and after."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from escalation.models import (
    AuditLine,
    EscalationLevel,
    QueueChannel,
    QueueRole,
    ReviewerProfile,
    ReviewQueue,
)
from escalation.queues import describe_queue, make_queue
from orchestration.models import Project
from tests.integration.escalation.buttons import sign_in, text_of
from tests.people import give_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    return make_queue(Project.objects.get(slug="default").pk, "vip", "VIP")


@pytest.fixture
def root(db: None) -> Client:
    return sign_in(User.objects.create_superuser("root"))


def _told() -> list[tuple[str | None, dict[str, Any]]]:
    lines = AuditLine.objects.filter(act="changed").order_by("pk").select_related("queue")
    return [(line.queue.slug if line.queue else None, json.loads(line.data_json)) for line in lines]


def _delete(client: Client, row: Any) -> None:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_delete"
    answer = client.post(reverse(name, args=(row.pk,)), {"post": "yes"})
    assert answer.status_code == 302, text_of(answer)
    assert not type(row).objects.filter(pk=row.pk).exists()


def test_all_that_belongs_to_a_queue_is_described_as_json(queue: ReviewQueue) -> None:
    group = Group.objects.create(name="night")
    QueueRole.objects.create(queue=queue, group=group, role="lead")
    QueueChannel.objects.create(queue=queue, channel="team-mail")
    EscalationLevel.objects.create(queue=queue, level=1, after_percent=50).groups.add(group)
    said = json.loads(json.dumps(describe_queue(queue)))
    assert said["roles"] == ["night: lead"]
    assert [one["channel"] for one in said["channels"]] == ["team-mail"]
    assert {level: one["groups"] for level, one in said["levels"].items()} == {"1": ["night"]}
    assert (said["actions"], said["snooze_reasons"]) == ([], {})


def test_a_queue_that_is_deleted_leaves_what_it_was(queue: ReviewQueue, root: Client) -> None:
    _delete(root, queue)
    ((at, data),) = _told()
    assert (at, data["what"], data["after"]) == (None, "review queue default/vip", {})
    assert data["before"]["name"] == "VIP"


def test_a_profile_that_is_deleted_leaves_what_it_said(queue: ReviewQueue, root: Client) -> None:
    rita = give_role(User.objects.create_user("rita"), queue, "reviewer")
    lena = give_role(User.objects.create_user("lena", is_staff=True), queue, "queue_admin")
    _delete(sign_in(lena), ReviewerProfile.objects.create(user=rita, capacity=3))
    ((_, data),) = _told()
    assert (data["what"], data["before"]["capacity"], data["after"]) == ("profile of rita", 3, {})


def test_an_account_that_is_deleted_takes_its_profile_along_and_that_is_told(
    queue: ReviewQueue, root: Client
) -> None:
    rita = give_role(User.objects.create_user("rita"), queue, "reviewer")
    ReviewerProfile.objects.create(user=rita, capacity=3)
    _delete(root, rita)
    ((_, data),) = _told()
    assert (data["what"], data["before"]["capacity"]) == ("profile of rita", 3)


def test_a_group_that_is_deleted_loses_its_roles_and_each_queue_tells(
    queue: ReviewQueue, root: Client
) -> None:
    group = Group.objects.create(name="night")
    QueueRole.objects.create(queue=queue, group=group, role="lead")
    _delete(root, group)
    assert _told() == [("vip", {"what": "group night", "before": {"roles": ["night: lead"]}, "after": {}})]
