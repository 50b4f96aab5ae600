"""Review queues, routing rules and reviewers as their admins change them: faults by field, and each change told."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from escalation.admin import routing
from escalation.escrow import pause_ticket
from escalation.models import (
    AuditLine,
    BreachAction,
    QueueChannel,
    ReviewerProfile,
    ReviewQueue,
    RoutingRule,
    SlaTarget,
    Ticket,
    read_clock,
)
from escalation.queues import give_first_targets, make_queue, preview_routes, read_rule
from tests.integration.escalation.buttons import sign_in, text_of
from tests.integration.escalation.desk import hold
from tests.people import give_role, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(db: None) -> ReviewQueue:
    found = ReviewQueue.objects.get(slug="default", project__slug="default")
    give_first_targets(found)
    return found


@pytest.fixture
def lena(db: None) -> Client:
    return sign_in(make_member("lena", "admin"))


def _form(queue: ReviewQueue, **changes: Any) -> dict[str, Any]:
    """Return the queue's page as a browser would send it."""
    targets = list(SlaTarget.objects.filter(queue=queue).order_by("sla"))
    form: dict[str, Any] = {
        "slug": queue.slug,
        "name": queue.name,
        "assignment": "pull",
        "seats": "1",
        "votes_needed": "1",
        "grace_seconds": "0",
        "bulk_allowed": "on",
        "hand_on_agents": "",
        "passing_edits": "",
        "warn_at": "50,75,100",
        "calendar": "",
        "targets-TOTAL_FORMS": str(len(targets)),
        "targets-INITIAL_FORMS": str(len(targets)),
        "reason_codes-TOTAL_FORMS": "0",
        "reason_codes-INITIAL_FORMS": "0",
        **{
            f"{part}-{count}_FORMS": "0"
            for part in ("roles", "channels", "levels", "breach_actions", "snooze_reasons")
            for count in ("TOTAL", "INITIAL")
        },
    }
    for i, target in enumerate(targets):
        form |= {
            f"targets-{i}-id": str(target.pk),
            f"targets-{i}-queue": str(queue.pk),
            f"targets-{i}-sla": target.sla,
            f"targets-{i}-first_touch_seconds": str(target.first_touch_seconds),
            f"targets-{i}-resolution_seconds": str(target.resolution_seconds),
        }
    return {**form, **changes}


def _page(queue: ReviewQueue) -> str:
    return reverse("admin:escalation_reviewqueue_change", args=(queue.pk,))


def test_a_queues_admin_changes_it_and_all_that_belongs_to_it(queue: ReviewQueue, lena: Client) -> None:
    form = _form(
        queue,
        assignment="least_loaded",
        hand_on_agents="support.writer, support.template_writer",
        reasons_required=["skip", "abort"],
        **{"targets-0-first_touch_seconds": "30"},
        **{
            "reason_codes-TOTAL_FORMS": "1",
            "reason_codes-0-queue": str(queue.pk),
            "reason_codes-0-code": "tone",
            "reason_codes-0-label": "Wrong tone",
            "reason_codes-0-kinds": ["edit", "send_back"],
        },
    )

    answer = lena.post(_page(queue), form)

    assert answer.status_code == 302, text_of(answer)
    queue.refresh_from_db()
    assert (queue.assignment, queue.hand_on_agents) == (
        "least_loaded",
        ["support.writer", "support.template_writer"],
    )
    assert queue.reasons_required == ["skip", "abort"]
    assert queue.targets.get(sla="customer-facing").first_touch_seconds == 30
    assert queue.reason_codes.get().kinds == ["edit", "send_back"]
    told = AuditLine.objects.get(act="changed")
    data = json.loads(told.data_json)
    assert (told.queue, told.actor_name, told.door) == (queue, "lena", "console")
    assert data["before"]["assignment"] == "pull"
    assert data["after"]["assignment"] == "least_loaded"
    assert data["before"]["targets"]["customer-facing"] == [60, 300]
    assert data["after"]["targets"]["customer-facing"] == [30, 300]
    assert data["after"]["reason_codes"] == {"tone": {"label": "Wrong tone", "kinds": ["edit", "send_back"]}}
    assert "name" not in data["after"]


def test_open_tickets_are_looked_at_by_what_their_queue_says_of_clocks_now(
    queue: ReviewQueue, lena: Client
) -> None:
    held, stopped, done = hold()[0], hold()[0], hold()[0]
    pause_ticket(stopped.pk, User.objects.get(username="lena"), "waits")
    Ticket.objects.update(next_look_at=None)
    Ticket.objects.filter(pk=done.pk).update(status="withdrawn", withdrawn_at=read_clock())

    def send(address: str, body: dict[str, Any], method: str = "put") -> list[int]:
        """Change something, and return what is to be looked at since."""
        answer = getattr(lena, method)(f"/api/v1/{address}", body, content_type="application/json")
        assert answer.status_code == 200, answer.content
        return looked_at()

    def looked_at() -> list[int]:
        found = list(Ticket.objects.filter(next_look_at__isnull=False).values_list("pk", flat=True))
        Ticket.objects.filter(pk__in=found).update(next_look_at=None)
        return found

    tell = {"deadline": "resolution", "action": "tell", "to_queue": None, "to_group": None}
    assert send("queues/default/default/breach-actions", {"breach_actions": [tell]}) == [held.pk]
    assert send("queues/default/default/breach-actions", {"breach_actions": [tell]}) == []
    assert send("queues/default/default", {"warn_at": [10]}, "patch") == [held.pk]
    assert send("queues/default/default", {"name": "Other"}, "patch") == []
    BreachAction.objects.all().delete()
    assert lena.post(_page(queue), _form(queue, warn_at="20,30")).status_code == 302
    assert looked_at() == [held.pk]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"warn_at": "0,50"}, "from 1 to 100"),
        ({"warn_at": "50,101"}, "from 1 to 100"),
        ({"seats": "3", "votes_needed": "4"}, "at most as many as there are seats (3)"),
        ({"seats": "0"}, "Give 1 to 20 seats"),
        ({"seats": "21"}, "Give 1 to 20 seats"),
        ({"seats": "3", "votes_needed": "2", "grace_seconds": "60"}, "leave it at 0"),
        ({"grace_seconds": "-1"}, "greater than or equal to 0"),
        ({"grace_seconds": "86401"}, "Give at most 86400 seconds, which is a day"),
        ({"targets-0-first_touch_seconds": "0"}, "Give more than 0 seconds"),
        ({"targets-0-resolution_seconds": "5"}, "At least 60, the time for a first look"),
        ({"assignment": "by_lot"}, "not one of the available choices"),
    ],
)
def test_what_can_not_work_is_refused_by_field(
    queue: ReviewQueue, lena: Client, changes: dict[str, str], fault: str
) -> None:
    answer = lena.post(_page(queue), _form(queue, name="Changed", **changes))

    assert answer.status_code == 200
    assert fault in text_of(answer)
    queue.refresh_from_db()
    assert (queue.name, AuditLine.objects.filter(act="changed").count()) == ("Default", 0)


def test_who_does_not_manage_a_queue_changes_nothing(queue: ReviewQueue) -> None:
    anna = sign_in(make_member("anna", "reviewer"))

    assert anna.post(_page(queue), _form(queue, name="Mine")).status_code == 403
    queue.refresh_from_db()
    assert queue.name == "Default"
    boss = sign_in(give_role(make_member("bo", "viewer"), queue, "queue_admin"))
    assert boss.post(_page(queue), _form(queue, name="Theirs")).status_code == 302


def test_a_new_queue_gets_the_targets_of_the_settings(queue: ReviewQueue, lena: Client) -> None:
    form = _form(queue, slug="refunds", name="Refunds", project=str(queue.project_id))
    form |= {"targets-TOTAL_FORMS": "0", "targets-INITIAL_FORMS": "0"}

    assert lena.post(reverse("admin:escalation_reviewqueue_add"), form).status_code == 302

    made = ReviewQueue.objects.get(slug="refunds")
    assert {target.sla for target in made.targets.all()} == {"customer-facing", "internal"}


def test_a_new_queue_keeps_the_targets_that_were_typed_with_it(queue: ReviewQueue, lena: Client) -> None:
    form = _form(queue, slug="refunds", name="Refunds", project=str(queue.project_id))
    form |= {
        "targets-TOTAL_FORMS": "1",
        "targets-INITIAL_FORMS": "0",
        "targets-0-id": "",
        "targets-0-queue": "",
    }
    form |= {"targets-0-sla": "customer-facing", "targets-0-first_touch_seconds": "60"}
    form |= {"targets-0-resolution_seconds": "90"}

    assert lena.post(reverse("admin:escalation_reviewqueue_add"), form).status_code == 302

    targets = ReviewQueue.objects.get(slug="refunds").targets
    assert dict(targets.values_list("sla", "resolution_seconds")) == {"customer-facing": 90, "internal": 1800}


def _rule(to: ReviewQueue, **changes: Any) -> dict[str, Any]:
    return {
        "project": str(to.project_id),
        "position": "1",
        "queue": str(to.pk),
        "expression": "",
        "tags": "",
        **changes,
    }


_ADD_RULE = "admin:escalation_routingrule_add"


def test_a_rule_is_made_changed_and_taken_away_and_each_is_told(queue: ReviewQueue, lena: Client) -> None:
    assert (
        lena.post(reverse(_ADD_RULE), _rule(queue, tags="a,b", expression="input.x > 1")).status_code == 302
    )
    rule = RoutingRule.objects.get()
    assert rule.tags == ["a", "b"]
    page = reverse("admin:escalation_routingrule_change", args=(rule.pk,))
    assert lena.post(page, _rule(queue, tags="a,b", expression="input.x > 2")).status_code == 302
    lena.post(reverse("admin:escalation_routingrule_delete", args=(rule.pk,)), {"post": "yes"})

    made, changed, gone = (json.loads(line.data_json) for line in AuditLine.objects.filter(act="changed"))
    assert (made["before"], made["after"]["tags"]) == ({}, ["a", "b"])
    assert (changed["before"], changed["after"]) == (
        {"expression": "input.x > 1"},
        {"expression": "input.x > 2"},
    )
    assert (gone["before"]["expression"], gone["after"]) == ("input.x > 2", {})


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"expression": "input.x >"}, "no CEL expression over input and proposal"),
        ({"expression": "steps.a == 1"}, "unknown name"),
        ({"confidence_from": "0.5", "confidence_to": "0.5"}, "above where the range begins"),
        ({"confidence_to": "2"}, "Give a number from 0 to 1"),
        ({"queue": ""}, "This field is required"),
        ({"tags": ",".join(f"t{i}" for i in range(21))}, "At most 20 tags"),
    ],
)
def test_a_rule_that_can_not_work_is_refused_by_field_and_in_the_preview(
    queue: ReviewQueue, lena: Client, changes: dict[str, str], fault: str
) -> None:
    answer = lena.post(reverse(_ADD_RULE), _rule(queue, **changes))
    assert answer.status_code == 200
    assert fault in text_of(answer)
    assert RoutingRule.objects.count() == 0
    assert fault in text_of(
        lena.post(reverse("admin:escalation_routingrule_preview"), _rule(queue, **changes))
    )


def test_a_preview_shows_what_recent_tickets_would_do_and_saves_nothing(
    queue: ReviewQueue, lena: Client
) -> None:
    moved = hold()[0]
    refunds = make_queue(queue.project_id, "refunds", "Refunds")

    answer = lena.post(
        reverse("admin:escalation_routingrule_preview"),
        _rule(refunds, name="Lamps", expression="input.text.contains('lamp')"),
    )

    page = " ".join(text_of(answer).replace("<strong>", "").replace("</strong>", "").split())
    assert "1 would go to refunds" in page
    assert f"Ticket {moved.pk}: from default to refunds, by rule 1 (Lamps)" in page
    assert RoutingRule.objects.count() == 0


def test_no_more_rules_are_saved_than_are_tried(
    queue: ReviewQueue, lena: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "MOST_RULES", 1)
    add = reverse("admin:escalation_routingrule_add")

    assert lena.post(add, _rule(queue)).status_code == 302
    refused = lena.post(add, _rule(queue))

    assert "no more are tried" in text_of(refused)
    rule = RoutingRule.objects.get()
    page = reverse("admin:escalation_routingrule_change", args=(rule.pk,))
    assert lena.post(page, _rule(queue)).status_code == 302


def _channel(queue: ReviewQueue, name: str) -> dict[str, Any]:
    row = {"queue": str(queue.pk), "channel": name, "from_level": "0"}
    return {"channels-TOTAL_FORMS": "1"} | {f"channels-0-{field}": value for field, value in row.items()}


def test_a_queue_can_choose_only_channels_that_there_are(
    queue: ReviewQueue, lena: Client, settings: LazySettings
) -> None:
    assert "Nobody is told" in text_of(lena.get(_page(queue)))
    team = {"kind": "mail", "to": ["team@example.org"]}
    more = {"CHANNELS": {"team": team}, "SITE_URL": "https://desk.example.org"}
    settings.RINGMASTER = settings.RINGMASTER | more
    assert "Over team, since no channel is chosen here" in text_of(lena.get(_page(queue)))

    refused = lena.post(_page(queue), _form(queue, **_channel(queue, "fax")))

    assert "fax is not one of the available choices" in text_of(refused)
    assert not QueueChannel.objects.exists()
    assert lena.post(_page(queue), _form(queue, **_channel(queue, "team"))).status_code == 302
    assert QueueChannel.objects.get().channel == "team"
    QueueChannel.objects.update(channel="gone")
    assert "The settings name no gone" in text_of(lena.get(_page(queue)))


def test_what_a_channel_was_chosen_for_is_kept_also_where_no_queue_is_told_of_it(
    queue: ReviewQueue, lena: Client
) -> None:
    row = QueueChannel.objects.create(queue=queue, channel="gone", happenings=["mentioned", "assigned"])
    page = text_of(lena.get(_page(queue)))
    assert "a mention in a comment (no queue is told of it)" in page
    assert page.count("(no queue is told of it)") == 2, "of this row, not of one to come"
    ticked = re.findall(r'name="channels-0-happenings" value="(\w+)"[^>]* checked', page)
    assert ticked == ["mentioned", "assigned"]

    kept = {"channels-INITIAL_FORMS": "1", "channels-0-id": str(row.pk), "channels-0-happenings": ticked}
    form = _form(queue, **_channel(queue, "gone"), **kept)
    assert lena.post(_page(queue), form).status_code == 302

    row.refresh_from_db()
    assert row.happenings == ["mentioned", "assigned"]
    assert not row.carries("breached", 0)


def test_a_preview_is_for_those_who_may_change_rules(queue: ReviewQueue) -> None:
    anna = sign_in(make_member("anna", "reviewer"))

    assert anna.post(reverse("admin:escalation_routingrule_preview"), _rule(queue)).status_code == 403


def test_a_preview_is_bounded_in_tickets_and_time(queue: ReviewQueue) -> None:
    for _ in range(3):
        hold()
    rule = read_rule(RoutingRule(project=queue.project, queue=queue, position=1))

    assert len(preview_routes(queue.project_id, [rule], [queue.pk], limit=2).lines) == 2
    ticks = iter(range(0, 100, 2))
    cut = preview_routes(queue.project_id, [rule], [queue.pk], clock=lambda: float(next(ticks)))
    assert (len(cut.lines), cut.is_cut) == (1, True)
    assert preview_routes(queue.project_id, [rule], []).lines == []


def test_people_say_when_they_are_away_and_no_more(queue: ReviewQueue, anna: User, ben: User) -> None:
    add = reverse("admin:escalation_reviewerprofile_add")
    form = {
        "user": str(anna.pk),
        "capacity": "99",
        "tags": "french",
        "substitute": str(ben.pk),
        "absent_from_0": "2026-12-01",
        "absent_from_1": "08:00",
    }

    answer = sign_in(anna).post(add, form)

    assert answer.status_code == 302, text_of(answer)
    profile = ReviewerProfile.objects.get(user=anna)
    assert (profile.capacity, profile.tags, profile.substitute) == (None, [], ben)
    assert sign_in(anna).post(add, {**form, "user": str(ben.pk)}).status_code == 200
    assert not ReviewerProfile.objects.filter(user=ben).exists()
    page = reverse("admin:escalation_reviewerprofile_change", args=(profile.pk,))
    assert sign_in(ben).get(page).status_code == 404
    lena = sign_in(make_member("lena", "admin"))
    assert lena.post(page, {**form, "capacity": "3"}).status_code == 302
    profile.refresh_from_db()
    assert (profile.capacity, profile.tags) == (3, ["french"])


def test_the_same_through_the_api(queue: ReviewQueue, lena: Client) -> None:
    address = f"/api/v1/queues/{queue.project.slug}/{queue.slug}"

    changed = lena.patch(
        address,
        {"assignment": "round_robin", "hand_on_agents": ["support.writer"]},
        content_type="application/json",
    )

    assert changed.status_code == 200, changed.content
    assert (changed.json()["assignment"], changed.json()["hand_on_agents"]) == (
        "round_robin",
        ["support.writer"],
    )
    told = AuditLine.objects.get(act="changed")
    assert (told.door, json.loads(told.data_json)["before"]) == (
        "api",
        {"assignment": "pull", "hand_on_agents": []},
    )


@pytest.mark.parametrize("field", ["hand_on_agents", "throttled_agents"])
def test_an_agent_that_nobody_knows_is_refused_by_name_and_one_that_has_gone_hinders_nobody(
    queue: ReviewQueue, lena: Client, field: str
) -> None:
    address = f"/api/v1/queues/{queue.project.slug}/{queue.slug}"
    ReviewQueue.objects.filter(pk=queue.pk).update(**{field: ["support.gone"]})

    slip = lena.patch(address, {field: ["support.writr"]}, content_type="application/json")
    typed = lena.post(_page(queue), _form(queue, **{field: "support.writr"}))
    other = lena.patch(
        address, {field: ["support.gone", "support.writer@1"], "seats": 2}, content_type="application/json"
    )

    assert slip.status_code == 400
    [told] = slip.json()["errors"]
    assert told["field"] == field
    assert "No agent here is called 'support.writr'. Did you mean support.writer" in str(told)
    assert "Did you mean support.writer" in text_of(typed)
    assert other.status_code == 200, other.content
    assert getattr(ReviewQueue.objects.get(pk=queue.pk), field) == ["support.gone", "support.writer@1"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"seats": 3, "votes_needed": 4}, "votes_needed"),
        ({"assignment": "by_lot"}, "assignment"),
        ({"slug": "other"}, "slug"),
        ({"grace_seconds": -1}, "grace_seconds"),
    ],
)
def test_the_api_names_the_field_and_changes_nothing(
    queue: ReviewQueue, lena: Client, body: dict[str, Any], field: str
) -> None:
    address = f"/api/v1/queues/{queue.project.slug}/{queue.slug}"

    answer = lena.patch(address, {"name": "Changed", **body}, content_type="application/json")

    assert answer.status_code == 400
    assert field in answer.content.decode()
    queue.refresh_from_db()
    assert (queue.name, AuditLine.objects.count()) == ("Default", 0)


def test_a_command_previews_the_rules_as_they_are_saved(queue: ReviewQueue) -> None:
    (ticket,) = hold()
    refunds = make_queue(queue.project_id, "refunds", "Refunds")
    RoutingRule.objects.create(project=queue.project, queue=refunds, position=2)
    RoutingRule.objects.create(project=queue.project, queue=refunds, position=1, expression="input.absent")
    out = StringIO()

    call_command("preview_routing", stdout=out)

    lines = out.getvalue().splitlines()
    assert lines[:2] == ["Of 1 tickets: 1 to refunds.", f"{ticket.pk}: default -> refunds by rule 2"]
    assert "no such key" in lines[2]


def test_of_rules_at_one_position_the_one_made_first_is_tried_first_and_the_page_says_so(
    queue: ReviewQueue, lena: Client
) -> None:
    vip = make_queue(queue.project_id, "vip", "VIP")
    for target in (vip, queue):
        form = {
            "project": str(queue.project_id),
            "position": "1",
            "queue": str(target.pk),
            "name": target.slug,
        }
        page = text_of(lena.post(reverse("admin:escalation_routingrule_add"), form, follow=True))
        assert ("At position 1 stand several rules: 1 (vip) too" in page) == (target == queue)
    older, newer = RoutingRule.objects.order_by("pk")

    (ticket,) = hold()

    assert (ticket.queue, ticket.routed_by) == (vip, "rule 1 (vip)")
    listed = lena.get("/api/v1/routing/default").json()["rules"]
    assert [rule["name"] for rule in listed] == [older.name, newer.name]
