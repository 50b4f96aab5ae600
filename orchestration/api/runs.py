"""Runs: start, list, look, wait."""

from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from agents.errors import AgentError
from orchestration import runs
from orchestration.api.base import ApiView
from orchestration.api.batch_rows import BatchRow
from orchestration.api.bodies import MOST_SECONDS, MOST_WAIT, BatchBody, StartBody
from orchestration.api.filters import RunFilter
from orchestration.api.paging import read_place, write_place
from orchestration.api.problems import AuditSilent, ParameterInvalid, TooManyWait, describe, find_code
from orchestration.api.rows import PlanRow, RunDetail, RunRow
from orchestration.domain.rights import Right
from orchestration.errors import InputInvalid, OrchestrationError, WaitTimedOut
from orchestration.models import Run, Step
from orchestration.selectors.resources import find_standing, load_plan_part
from orchestration.selectors.scope import Caller, find_project, find_run, scope_runs
from orchestration.selectors.withheld import UNTOLD

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 200 printable ASCII characters, not beginning with 'child:': the same key and input return the "
    "same run.",
)
# Each one that waits has a thread.
_waiting = BoundedSemaphore(MOST_WAIT)
_SECONDS = OpenApiParameter(
    "timeout_seconds",
    {"type": "integer", "minimum": 0, "maximum": MOST_SECONDS, "default": 30},
    description="Longest wait.",
)


_PLAN_ORDER = ("position", "pk")
_PLAN_CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the part before.")


class RunList(ApiView):
    """All runs; starting one."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}
    queryset = Run.objects.none()
    filterset_class = RunFilter
    order: ClassVar[tuple[str, ...]] = ("-created_at", "-pk")

    @extend_schema(operation_id="list_runs", responses=RunRow(many=True))
    def get(self, _request: Request) -> Response:
        """List runs, the newest first."""
        rows = scope_runs(self.caller).select_related("project", "workflow", "requested_by")
        return self.show_page(rows.defer("input_json", "workflow__spec_json"), RunRow)

    @extend_schema(
        operation_id="start_run", parameters=[IDEMPOTENCY_KEY], request=StartBody, responses={201: RunDetail}
    )
    def post(self, request: Request) -> Response:
        """Start a run of a workflow's latest version. Once this is answered, the run is durable."""
        body = self.read_body(StartBody)
        run = _start(self, body, read_key(request))
        return show_run(self.caller, run, status=201)


class RunBatch(ApiView):
    """Starting many runs."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="start_runs", request=BatchBody, responses=BatchRow)
    def post(self, _request: Request) -> Response:
        """Start many runs, each by itself: `results` has, in order, a run or the problem it met."""
        body = self.read_body(BatchBody)
        return Response({"results": [self._try_start(item) for item in body["runs"]]})

    def _try_start(self, item: dict[str, Any]) -> dict[str, Any]:
        try:
            run = _start(self, item, item["idempotency_key"])
        except (OrchestrationError, AgentError) as error:
            code = find_code(error)
            if code is None:
                raise
            return {"run": None, "problem": describe(code, str(error))}
        return {"run": RunRow(run).data, "problem": None}


class RunView(ApiView):
    """One run."""

    @extend_schema(operation_id="get_run", responses=RunDetail)
    def get(self, _request: Request, run_id: UUID) -> Response:
        """Show a run with its input and what its last steps put out."""
        return read_run(self.caller, run_id)


class RunPlan(ApiView):
    """A run's plan."""

    @extend_schema(operation_id="get_plan", parameters=[_PLAN_CURSOR], responses=PlanRow)
    def get(self, _request: Request, run_id: UUID) -> Response:
        """Show a run's steps in plan order, and which waits for which; a large plan in several parts."""
        run = find_run(self.caller, run_id)
        cursor = self.read_parameter("cursor", "")
        part = load_plan_part(run.pk, read_place(cursor, _PLAN_ORDER, Step.objects.none()) if cursor else Q())
        following = None if part.is_last else write_place(_PLAN_ORDER, part.steps[-1])
        is_complete = part.is_last and not cursor
        shown = {"run": run.pk, "is_complete": is_complete, "next_cursor": following}
        return Response(PlanRow({**shown, "steps": part.steps, "edges": part.edges}).data)


class RunWait(ApiView):
    """Waiting for a run."""

    @extend_schema(operation_id="wait_for_run", parameters=[_SECONDS], responses=RunDetail)
    def get(self, _request: Request, run_id: UUID) -> Response:
        """Answer when the run is final or the time is over, whichever is first; `is_final` tells which."""
        run = find_run(self.caller, run_id)
        seconds = _read_seconds(self.read_parameter("timeout_seconds", "30"))
        if not _waiting.acquire(blocking=False):
            raise TooManyWait("this process keeps as many waiting as it may; ask again")
        try:
            with suppress(WaitTimedOut):
                runs.wait(run.pk, timeout_seconds=seconds)
        finally:
            _waiting.release()
        return read_run(self.caller, run_id)


def read_run(caller: Caller, run_id: UUID) -> Response:
    """Return a run to whoever reads it.

    Raises: AuditSilent: what agents proposed is in it, and that somebody looks can't be written down.
    """
    run = find_run(caller, run_id)
    standing = find_standing(run, caller.user_id)
    if standing.is_untold:
        raise AuditSilent(UNTOLD)
    return Response(RunDetail(run, context={"standing": standing}).data)


def show_run(caller: Caller, run: Run, status: int = 200) -> Response:
    """Return a run to whoever did something with it: that is done, so what can't be told is only left out."""
    return Response(
        RunDetail(run, context={"standing": find_standing(run, caller.user_id)}).data, status=status
    )


def read_key(request: Request) -> str | None:
    """Return the idempotency key of a request's header.

    Raises: InputInvalid: it holds what each client writes into a header in another way, so that it would not be the
        key which a body, a command or another client says.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not key.isascii():
        raise InputInvalid(
            "Idempotency-Key: in a header only ASCII characters can stand; a key with others goes into the body of "
            "POST /api/v1/runs/batch"
        )
    return key


def _start(view: ApiView, body: dict[str, Any], key: str | None) -> Run:
    project = find_project(view.caller, body["project"], Right.RUN)
    return runs.start(
        body["workflow"],
        body["input"],
        idempotency_key=key,
        requested_by=view.person,
        project=project.slug,
        priority=body["priority"],
        budget=body["budget"],
    )


def _read_seconds(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= MOST_SECONDS):
        raise ParameterInvalid(f"timeout_seconds: give a whole number from 0 to {MOST_SECONDS}")
    return int(text)
