"""The API keeps to its own OpenAPI document, whatever is sent: no server error, no answer it does not name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from config.wsgi import application
from orchestration.api.schema import build_document
from orchestration.models import ApiToken
from tests.integration.api.people import make_key
from tests.integration.api.scene import Scene

pytestmark = pytest.mark.django_db

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]
# A stream does not end by itself; its own tests read it.
_SCHEMA = schemathesis.openapi.from_wsgi("/api/schema", application).exclude(path_regex="/stream$")


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep requests from closing the test's connection, and with it what the test wrote."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def real(scene: Scene, one_connection: None, settings: Any) -> dict[str, Any]:
    """Rows that exist, by the name of the path's parameter; and nobody is told to slow down."""
    unlimited = dict.fromkeys(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"])
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": unlimited}
    owner = User.objects.create_superuser("root")
    return {
        "key": make_key(owner, "read", "run", "review", "admin"),
        "project": scene.project.slug,
        "workflow": "letter",
        "version": 1,
        "run_id": str(scene.held.pk),
        "step_id": scene.step.pk,
        "call_id": scene.call.pk,
        "actor_id": scene.dead.actor_id,
        "address": scene.dead.actor.address,
        "mail_id": scene.dead.message_id,
        "delivery_id": scene.dead.pk,
        "topic_id": scene.topic.pk,
        "subscription_id": scene.member.pk,
        "memory_id": scene.memory.pk,
        "agent": "test.writer",
        "ticket_id": scene.ticket.pk,
        "token_id": str(ApiToken.objects.get().public_id),
        "queue": scene.ticket.queue.slug,
        "username": "root",
        "calendar_id": scene.calendar.pk,
        "view_id": 1,
        "name": "payment",
        "token": "of-no-callback",
        "message_id": "00000000-0000-4000-8000-000000000000",
    }


@_SCHEMA.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_gets_an_answer_of_the_document(case: Any, real: dict[str, Any]) -> None:
    if case.meta is None or case.meta.generation.mode.is_positive:
        case.path_parameters.update({name: real[name] for name in case.path_parameters})
    if case.path.endswith("/wait"):
        _wait_for_nothing(case)
    with transaction.atomic():
        case.call_and_validate(headers={"Authorization": f"Token {real['key']}"}, checks=_CHECKS)
        transaction.set_rollback(True)


def _wait_for_nothing(case: Any) -> None:
    seconds = str((case.query or {}).get("timeout_seconds", 30))
    if seconds.isdecimal() and int(seconds) <= 60:
        case.query = {**(case.query or {}), "timeout_seconds": "0"}


def test_the_document_is_whole() -> None:
    document = build_document()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert document["openapi"].startswith("3.1")
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["description"] for operation in operations)


def test_only_what_is_read_comes_in_pages() -> None:
    paged = {
        operation["operationId"]
        for path in build_document()["paths"].values()
        for method, operation in path.items()
        if method != "get" and "/Paginated" in json.dumps(operation["responses"])
    }
    assert paged == set()
