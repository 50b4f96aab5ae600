"""Whatever is refused below /api/ is problem+json with a code of the table, and nothing was done."""

import base64
import io
import json
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, JsonResponse
from django.test import Client
from django.urls import path

from config.urls import handler400, handler403, handler404, handler500  # noqa: F401 - this module is a urlconf
from config.urls import urlpatterns as real_urls
from orchestration.api.limits import ApiLimits
from orchestration.domain.events import EventKind
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.states import RunStatus
from orchestration.models import Pot, Run
from orchestration.selectors.progress import STATES
from tests.integration.api.people import Caller
from tests.integration.api.scene import Scene

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def _break(_request: Any) -> Any:
    raise RuntimeError("secret words")


urlpatterns = [path("api/v1/broken", _break), *real_urls]


def _code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code == STATUS_OF[body["code"]]
    assert {"type", "title", "detail"} <= set(body)
    return answer.status_code, body["code"]


@pytest.fixture
def admin(callers: dict[str, Caller]) -> Caller:
    return callers["admin"]


@pytest.mark.parametrize(
    "address", ["/api", "/api/", "/api/v2/runs", "/api/v1/runs/", "/api/v1/%00", "/api/v1/runs/x"]
)
def test_an_address_that_is_none_is_a_problem_too(address: str) -> None:
    status, code = _code(Client().get(address))
    assert (status, code) in {(404, "not_found"), (400, "parameter_invalid")}


def test_the_console_keeps_its_own_pages() -> None:
    assert Client().get("/nowhere")["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_is_none(admin: Caller, method: str) -> None:
    assert _code(admin.call(method, f"{V1}/runs")) == (405, "method_not_allowed")


BODIES: dict[str, tuple[bytes, tuple[int, str]]] = {
    "no JSON": (b"{", (400, "body_unreadable")),
    "no UTF-8": (b'{"workflow": "\xff"}', (400, "body_unreadable")),
    "NUL": (b'{"workflow": "a\\u0000"}', (400, "body_unreadable")),
    "half a pair": (b'{"workflow": "\\ud800"}', (400, "body_unreadable")),
    "NUL in a name": (b'{"workflow": "letter", "input": {"a\\u0000": 1}}', (400, "body_unreadable")),
    "2^53": (b'{"workflow": "letter", "input": {"n": 9007199254740992}}', (400, "body_unreadable")),
    "a huge number": (
        b'{"workflow": "letter", "input": {"n": ' + b"9" * 5000 + b"}}",
        (400, "body_unreadable"),
    ),
    "1e999": (b'{"workflow": "letter", "input": {"n": 1e999}}', (400, "body_unreadable")),
    "NaN": (b'{"workflow": "letter", "input": {"n": NaN}}', (400, "body_unreadable")),
    "twice": (b'{"workflow": "letter", "workflow": "other"}', (400, "body_unreadable")),
    "deep": (b'{"input": ' + b"[" * 40 + b"]" * 40 + b"}", (400, "body_unreadable")),
    "very deep": (b"[" * 100_000, (400, "body_unreadable")),
    "large": (b'{"workflow": "' + b"x" * 1_048_576 + b'"}', (400, "body_too_large")),
    "a list": (b"[]", (400, "field_invalid")),
    "an unknown field": (b'{"workflow": "letter", "status": "succeeded"}', (400, "field_invalid")),
    "a number for text": (b'{"workflow": 1}', (400, "field_invalid")),
    "no object": (b'{"workflow": "letter", "input": [1]}', (400, "field_invalid")),
    "an unknown workflow": (b'{"workflow": "none", "project": "desk"}', (404, "workflow_not_found")),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_can_t_be_used_starts_nothing(admin: Caller, name: str) -> None:
    before = Run.objects.count()
    body, expected = BODIES[name]
    assert _code(admin.post(f"{V1}/runs", body)) == expected
    assert Run.objects.count() == before


def _let_through(body: bytes, *headers: tuple[bytes, bytes]) -> HttpResponse:
    """Send a request as the web server hands it over; 204: it gets to its view."""
    asked = {"type": "http", "method": "POST", "path": f"{V1}/runs", "headers": headers}
    return ApiLimits(lambda _request: HttpResponse(status=204))(ASGIRequest(asked, io.BytesIO(body)))


@pytest.mark.parametrize("headers", [((b"transfer-encoding", b"chunked"),), ()], ids=["HTTP/1.1", "HTTP/2"])
def test_a_body_of_untold_length_is_not_taken_for_none(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    answer = _let_through(b'{"reason": "wrong input"}', *headers)
    assert isinstance(answer, JsonResponse)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (411, "length_missing")


@pytest.mark.parametrize(("body", "headers"), [(b"", ()), (b"{}", ((b"content-length", b"2"),))])
def test_a_body_that_is_none_or_of_known_length_is_let_through(
    body: bytes, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert _let_through(body, *headers).status_code == 204


def test_another_media_type(admin: Caller) -> None:
    client = Client()
    assert admin.user is not None
    client.force_login(admin.user)
    answer = client.post(f"{V1}/runs", "workflow=letter", content_type="application/x-www-form-urlencoded")
    assert _code(answer) == (415, "media_type_unsupported")


@pytest.mark.parametrize(
    "query",
    [
        "runs?page_size=0",
        "runs?page_size=201",
        "runs?page_size=99999999999999999999",
        "runs?cursor=nonsense",
        "runs?cursor=WyJhIiwgImIiXQ",
        "runs?cursor=",
        "runs?statsu=failed",
        "runs?status=failed&status=failed",
        "runs?workflow=%00",
        "events?step=1e999",
        "events?step=NaN",
        "events?step=9007199254740993",
        "events?after=yesterday",
        "events?run=1",
        "projects?cursor=WyJhXHUwMDAwIl0",
    ],
)
def test_a_query_that_can_t_be_obeyed(admin: Caller, query: str) -> None:
    status, code = _code(admin.get(f"{V1}/{query}"))
    assert (status, code) in {(400, "parameter_invalid"), (400, "field_invalid")}


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("events?kind=step_exploded", "kind", EventKind),
        ("runs/{run}/events?kind=step_exploded", "kind", EventKind),
        ("runs?status=waiting", "status", RunStatus),
        ("runs?state=asleep", "state", STATES),
    ],
)
def test_an_unknown_word_is_refused_with_the_known_ones(
    scene: Scene, admin: Caller, query: str, field: str, words: Iterable[str]
) -> None:
    answer = admin.get(f"{V1}/{query.format(run=scene.done.pk)}")
    message = f"give one of these: {', '.join(str(word) for word in words)}"
    assert _code(answer) == (400, "field_invalid")
    assert answer.json()["detail"] == f"{field}: {message}"
    assert answer.json()["errors"] == [{"field": field, "message": message}]


CURSORS: dict[str, bytes] = {
    "numbers": b"[1, 2]",
    "beyond every column": b"[18446744073709551616, 1]",
    "5,000 digits": b"[" + b"9" * 5000 + b"]",
    "half a pair": b'["\\ud800", 1]',
    "half a pair alone": b'["\\ud800"]',
    "NUL": b'["a\\u0000"]',
    "no time zone": b'["2026-01-01T00:00:00", "00000000-0000-0000-0000-000000000000"]',
    "a date": b'["2026-01-01", "00000000-0000-0000-0000-000000000000"]',
    "NaN": b"[NaN, 1]",
    "truth": b"[true, true]",
    "nothing": b"[null, null]",
    "deep": b"[" * 100_000,
    "an object": b'{"created_at": 1}',
    "no UTF-8": b"\xff\xfe",
}


@pytest.mark.parametrize("cursor", CURSORS.values(), ids=CURSORS)
@pytest.mark.parametrize("rows", ["runs", "projects", "workflows", "events", "tickets"])
def test_a_cursor_of_another_make_is_refused(admin: Caller, rows: str, cursor: bytes) -> None:
    text = base64.urlsafe_b64encode(cursor).decode().rstrip("=")
    if len(text) > 10_000:
        text = text[:10_000]
    answer = admin.get(f"{V1}/{rows}?cursor={text}")
    assert _code(answer) == (400, "parameter_invalid")
    assert "take the `next_cursor` of its last page" in answer.json()["detail"]


def test_what_a_problem_repeats_hides_nothing(admin: Caller) -> None:
    answer = admin.get(f"{V1}/runs?left%E2%80%AEright=1")
    assert _code(answer) == (400, "parameter_invalid")
    assert "there is no parameter 'left[U+202E]right'" in answer.json()["detail"]


def test_a_cookie_with_a_hidden_nul_asks_no_database() -> None:
    answer = Client().get(f"{V1}/runs", headers={"Cookie": 'sessionid="\\000aaaaaaaa"'})
    assert _code(answer) == (400, "parameter_invalid")


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b", "a\x7fb", "child:7.1.0.1"])
def test_a_key_that_can_t_be_used(admin: Caller, key: str) -> None:
    answer = admin.post(f"{V1}/runs", {"workflow": "letter", "project": "desk"}, **{"Idempotency-Key": key})
    assert _code(answer) == (400, "input_invalid")


@pytest.mark.parametrize("key", ["ä", "Ã¤", "\xa0k"])
def test_a_key_that_each_client_writes_in_another_way_is_refused_in_a_header(
    scene: Scene, admin: Caller, key: str
) -> None:
    body = {"workflow": "letter", "project": "desk"}
    for address in (f"{V1}/runs", f"{V1}/runs/{scene.done.pk}/fork"):
        sent = body if address.endswith("runs") else {"from_step": "draft"}
        answer = admin.post(address, sent, **{"Idempotency-Key": key})
        assert _code(answer) == (400, "input_invalid")
        assert answer.json()["detail"].startswith("Idempotency-Key: ")
    batch = admin.post(f"{V1}/runs/batch", {"runs": [{**body, "idempotency_key": "ä"}]}).json()
    assert batch["results"][0]["run"]["idempotency_key"] == "ä"


def test_a_key_with_blanks_around_it_is_one_nowhere(admin: Caller) -> None:
    body, before = {"workflow": "letter", "project": "desk"}, Run.objects.count()
    batch = admin.post(f"{V1}/runs/batch", {"runs": [{**body, "idempotency_key": " a "}]}).json()
    problem = batch["results"][0]["problem"]
    assert (problem["status"], problem["code"]) == (400, "input_invalid")
    assert problem["detail"].startswith("idempotency_key: must not begin or end with a blank")
    # Where the server in front hands it over as it came.
    answer = admin.post(f"{V1}/runs", body, **{"Idempotency-Key": " a"})
    assert _code(answer) == (400, "input_invalid")
    assert Run.objects.count() == before


@pytest.mark.parametrize("parameter", ["cursor=x", "page_size=5", "tail=1"])
def test_what_shows_no_list_takes_none_of_a_list_s_parameters(
    admin: Caller, scene: Scene, parameter: str
) -> None:
    answer = admin.get(f"{V1}/runs/{scene.held.pk}/wait?timeout_seconds=0&{parameter}")
    assert _code(answer) == (400, "parameter_invalid")
    assert answer.json()["detail"].endswith("; known: timeout_seconds")


def test_a_key_s_second_input_is_a_conflict(admin: Caller) -> None:
    body, key = {"workflow": "letter", "project": "desk"}, {"Idempotency-Key": "k"}
    first = admin.post(f"{V1}/runs", body, **key).json()["id"]
    assert admin.post(f"{V1}/runs", body, **key).json()["id"] == first
    other = admin.post(f"{V1}/runs", {**body, "input": {"a": 1}}, **key)
    assert _code(other) == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["x", "é", "a b", "\x00" * 8, "0" * 64])
def test_a_token_that_is_none(key: str) -> None:
    answer = Client().get(f"{V1}/runs", headers={"Authorization": f"Token {key}"})
    assert _code(answer) == (401, "token_invalid")
    assert answer["WWW-Authenticate"].startswith("Token")


def test_a_session_needs_its_csrf_token(scene: Scene, admin: Caller) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert admin.user is not None
    strict.force_login(admin.user)
    answer = strict.post(f"{V1}/runs/{scene.held.pk}/cancel", "{}", content_type="application/json")
    assert _code(answer) == (403, "csrf_failed")
    scene.held.refresh_from_db()
    assert scene.held.status == "running"


def test_too_many_requests_of_a_person_and_of_a_token(callers: dict[str, Caller], settings: Any) -> None:
    rates = {"person": "4/min", "token": "2/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    token, person = callers["token:read"], callers["admin"]
    seen = [caller.get(f"{V1}/projects") for caller in (token, token, token, person, person, person)]
    assert [answer.status_code for answer in seen] == [200, 200, 429, 200, 429, 429]
    assert _code(seen[2]) == (429, "too_many_requests")
    assert int(seen[2]["Retry-After"]) >= 1
    assert callers["viewer"].get(f"{V1}/projects").status_code == 200


def test_what_nobody_foresaw_tells_nothing(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    answer = Client(raise_request_exception=False).get(f"{V1}/broken")
    assert _code(answer) == (500, "internal_error")
    assert "secret" not in json.dumps(answer.json())


def test_a_spec_s_faults_are_named(admin: Caller) -> None:
    spec = {"name": "x", "steps": [{"key": "a", "agent": "nobody.knows", "needs": ["b"]}]}
    answer = admin.post(f"{V1}/workflows/validate", {"spec": spec, "project": "desk"})
    assert answer.json()["is_valid"] is False
    assert answer.json()["errors"][0]["field"] == "steps.a.needs"
    refused = admin.post(f"{V1}/workflows", {"spec": spec, "project": "desk"})
    assert _code(refused) == (400, "spec_invalid")
    assert refused.json()["errors"] == answer.json()["errors"]


@pytest.mark.parametrize("usd", [" 1 ", "1 ", 1, 1.5, True, ["1"], {"usd": "1"}, "NaN", "1e400", "-1"])
def test_what_is_no_amount_of_money_is_refused_by_name(scene: Scene, admin: Caller, usd: Any) -> None:
    for address, body in (
        ("/runs", {"workflow": "letter", "project": "desk", "input": {"to": "Ada"}, "budget": {"usd": usd}}),
        (f"/runs/{scene.held.pk}/top-up", {"usd": usd}),
    ):
        answer = admin.post(V1 + address, body)
        assert _code(answer)[0] == 400, (address, answer.content)
        assert "usd" in answer.content.decode()


def test_a_top_up_under_a_key_counts_once(scene: Scene, admin: Caller) -> None:
    Pot.objects.create(run=scene.held, unit="calls", limit=5, opened_with=5)
    top_up = f"{V1}/runs/{scene.held.pk}/top-up"
    for _ in range(2):
        answer = admin.post(top_up, {"calls": 3}, **{"Idempotency-Key": "t-1"})
        assert [pot["limit"] for pot in answer.json()["budgets"]] == [8]
    assert _code(admin.post(top_up, {"calls": 4}, **{"Idempotency-Key": "t-1"})) == (
        409,
        "idempotency_conflict",
    )
    assert admin.post(top_up, {"calls": 3}).json()["budgets"][0]["limit"] == 11
