"""What a person orders for a run and the runs below it. Sent again, each order gets the same answer."""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import runs
from orchestration.api.base import ApiView
from orchestration.api.bodies import FinishBody, ForkBody, ReasonBody
from orchestration.api.rows import RunDetail
from orchestration.api.runs import IDEMPOTENCY_KEY, read_key, show_run
from orchestration.domain.rights import Right
from orchestration.models import Run
from orchestration.selectors.scope import find_run


class _RunOrder(ApiView):
    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}
    order_run: ClassVar[Callable[..., Run]]

    def give(self, run_id: UUID) -> Response:
        """Give the order and show how the run stands now."""
        reason = self.read_body(ReasonBody)["reason"]
        run = find_run(self.caller, run_id, Right.RUN)
        type(self).order_run(run.pk, reason, self.person)
        return show_run(self.caller, find_run(self.caller, run_id, Right.RUN))


class RunCancel(_RunOrder):
    """Cancelling."""

    order_run = staticmethod(runs.cancel)

    @extend_schema(operation_id="cancel_run", request=ReasonBody, responses=RunDetail)
    def post(self, _request: Request, run_id: UUID) -> Response:
        """Cancel a run and all runs below it. No claim commits after it; bodies in flight are told."""
        return self.give(run_id)


class RunFinish(ApiView):
    """Ending a run early, as a success."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="finish_run", request=FinishBody, responses=RunDetail)
    def post(self, _request: Request, run_id: UUID) -> Response:
        """End a run as a success with a result; what is open in it is cancelled, nothing is undone."""
        body = self.read_body(FinishBody)
        run = find_run(self.caller, run_id, Right.RUN)
        runs.finish(run.pk, body["output"], body["reason"], self.person)
        return show_run(self.caller, find_run(self.caller, run_id, Right.RUN))


class RunPause(_RunOrder):
    """Pausing."""

    order_run = staticmethod(runs.pause)

    @extend_schema(operation_id="pause_run", request=ReasonBody, responses=RunDetail)
    def post(self, _request: Request, run_id: UUID) -> Response:
        """Pause a run and all runs below it: what is in hand is finished, nothing new is begun."""
        return self.give(run_id)


class RunResume(_RunOrder):
    """Going on."""

    order_run = staticmethod(runs.resume)

    @extend_schema(operation_id="resume_run", request=ReasonBody, responses=RunDetail)
    def post(self, _request: Request, run_id: UUID) -> Response:
        """Let a paused run, and all paused runs below it, go on."""
        return self.give(run_id)


class RunRetry(_RunOrder):
    """A new round."""

    order_run = staticmethod(runs.retry)

    @extend_schema(operation_id="retry_run", request=ReasonBody, responses=RunDetail)
    def post(self, _request: Request, run_id: UUID) -> Response:
        """Let a failed or cancelled run go on from what was not done, in a new round."""
        return self.give(run_id)


class RunFork(ApiView):
    """Forking."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(
        operation_id="fork_run", parameters=[IDEMPOTENCY_KEY], request=ForkBody, responses={201: RunDetail}
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        """Start a run that takes over what another has finished, and does a step and all behind it anew."""
        body = self.read_body(ForkBody)
        source = find_run(self.caller, run_id, Right.RUN)
        key = read_key(request)
        fork = runs.fork(source.pk, body["from_step"], body["input"], idempotency_key=key, by=self.person)
        return show_run(self.caller, find_run(self.caller, fork.pk, Right.RUN), status=201)
