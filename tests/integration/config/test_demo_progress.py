"""What people decided about the demo's runs is no fault of the demo."""

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from config.demo.feeding import Feeding, Progress, feed, list_feeds, measure, read_messages
from config.demo.report import describe_approvals, describe_result
from config.demo.stage import Stage, set_stage
from config.errors import ServiceError
from escalation.escrow import claim_ticket, resolve_ticket
from escalation.models import Ticket
from orchestration import runs
from orchestration.domain.states import ResolutionKind
from orchestration.models import Run
from orchestration.selectors.progress import read_clock
from orchestration.testing import call, run_workflow, scripted
from tests.architecture.sources import PROJECT_DIR
from tests.integration.escalation.desk import fail, hold
from tests.people import make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_member("ada", "reviewer")


def _abort(ticket: Ticket, person: User) -> None:
    claim_ticket(ticket.pk, person)
    resolve_ticket(ticket.pk, person, ResolutionKind.ABORT, claim_number=1, seen_digest=None)


def _measure() -> tuple[Feeding, Progress]:
    feeding = Feeding(tuple(Run.objects.order_by("pk").values_list("pk", flat=True)), 0, read_clock())
    return feeding, measure(feeding)


def test_what_people_ended_is_told_apart_from_what_failed(ada: User) -> None:
    aborted, cancelled, paused, _held = (hold()[0] for _ in range(4))
    _abort(aborted, ada)
    runs.cancel(cancelled.run_id, "enough", ada)
    runs.pause(paused.run_id, "wait", ada)

    feeding, progress = _measure()

    assert progress == Progress(total=4, succeeded=0, failed=0, held=1, stopped=3)
    assert progress.settled == progress.total
    assert "  stopped       3  (by people: paused, cancelled or aborted)" in describe_result(
        feeding, progress, 1
    )


def test_what_failed_by_itself_still_counts_as_failed(ada: User) -> None:
    _abort(hold(writer=fail)[0], ada)
    failed = hold()[0].run
    Run.objects.filter(pk=failed.pk).update(status="failed", finished_at=read_clock())

    _, progress = _measure()

    assert (progress.failed, progress.stopped) == (1, 1)


def test_each_message_is_fed_once_to_its_workflow() -> None:
    for spec in runs.find_code_specs():
        runs.publish(spec)
    messages = {
        "support-reply": [{"message_id": "1", "customer": "ada", "text": "Hello"}],
        "assistant": [
            {"message_id": "1", "customer": "ada", "text": "Hello"},
            {"message_id": "2", "customer": "ada", "text": "Hello?"},
        ],
    }

    first, second = feed(messages), feed(messages)

    assert (first.new, second.new) == (3, 0)
    assert first.run_ids == second.run_ids
    fed = Run.objects.filter(pk__in=first.run_ids).order_by("workflow_name")
    assert list(fed.values_list("workflow_name", flat=True)) == ["assistant", "assistant", "support-reply"]


def test_what_can_be_fed_is_there_and_meets_its_workflow() -> None:
    specs = {spec.name: spec for spec in runs.find_code_specs()}
    feeds = list_feeds()

    assert [each.workflow for each in feeds] == ["support-reply", "assistant"]
    for each in feeds:
        schema = specs[each.workflow].input_schema
        assert schema is not None
        known = schema["properties"].keys()
        assert all(message.keys() <= known for message in read_messages(PROJECT_DIR / each.path))


@pytest.mark.usefixtures("one_call_asked_for")
def test_calls_that_wait_for_a_person_are_told_with_their_place() -> None:
    ticket = Ticket.objects.get()
    feeding = Feeding((ticket.run_id,), 1, read_clock())

    assert describe_approvals(feeding, Stage(8001, 5555)) == [
        "These calls wait for a person; approve, change or deny them there, while the demo serves:",
        f"  ticket {ticket.pk}: refund (euro 249, order 1041, reason It leaks.)",
        f"    http://127.0.0.1:8001/admin/escalation/ticket/{ticket.pk}/change/",
    ]
    assert measure(feeding).held == 1


def test_where_no_call_waits_nothing_is_told(ada: User) -> None:
    ticket = hold()[0]
    assert describe_approvals(Feeding((ticket.run_id,), 1, read_clock()), Stage(8001, 5555)) == []


@pytest.fixture
def one_call_asked_for() -> None:
    wish = call("refund", order="1041", euro=249, reason="It leaks.")
    given = {"customer": "lena_moreau", "text": "It leaks."}
    assert run_workflow("assistant", given, models={"assistant": scripted([wish])}).held == ["answer"]


@pytest.mark.parametrize(
    ("entry", "is_served"),
    [
        ({"model": "openai:scripted", "base_url": "http://127.0.0.1:1/v1"}, True),
        ({"model": "openai:llama3", "base_url": "http://127.0.0.1:1/v1"}, False),
        (None, False),
    ],
)
def test_the_model_server_runs_where_answers_are_scripted(
    settings: LazySettings, entry: dict[str, str] | None, is_served: bool
) -> None:
    settings.RINGMASTER = {**settings.RINGMASTER, "MODELS": {} if entry is None else {"assistant": entry}}

    stage = set_stage()

    programs = {program.name: program for program in stage.programs()}
    assert ("models" in programs, stage.model_port is not None) == (is_served, is_served)
    told = {program.environment.get("ASSISTANT_BASE_URL") for program in programs.values()}
    assert told == ({f"http://127.0.0.1:{stage.model_port}/v1"} if is_served else {None})


def test_a_taken_port_of_the_model_server_is_told() -> None:
    assert Stage(8000, 5555, 9000).moved_ports() == ["Port 8765 is taken: the model server uses 9000."]
    assert Stage(8000, 5555, None).moved_ports() == []


def test_a_provider_without_a_key_is_refused(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings.RINGMASTER = {**settings.RINGMASTER, "MODELS": {"assistant": "openai:gpt-5-mini"}}
    with pytest.raises(ServiceError, match="openai/gpt-5-mini, but OPENAI_API_KEY is not set"):
        set_stage()
    monkeypatch.setenv("OPENAI_API_KEY", "k-0123456789")
    assert set_stage().model_port is None
