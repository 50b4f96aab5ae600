"""What the agents of a run called: each call with its tries, and, one by one, what was asked and answered."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration.api.base import ApiView
from orchestration.api.filters import CallFilter
from orchestration.api.problems import AuditSilent
from orchestration.api.rows import Row
from orchestration.journal.reading import list_calls, show_texts
from orchestration.models import Call
from orchestration.selectors.scope import find_call, find_run, find_step
from orchestration.selectors.withheld import UNTOLD


class CallTryRow(Row):
    """One time that a call was made."""

    number = serializers.IntegerField(read_only=True)
    attempt = serializers.IntegerField(read_only=True, help_text="Number of the step's attempt.")
    state = serializers.CharField(read_only=True)
    begun_at = serializers.DateTimeField(read_only=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    error = serializers.CharField(read_only=True, help_text="What it raised, or why it is lost.")
    tokens = serializers.IntegerField(read_only=True, allow_null=True, help_text="In and out, where known.")
    cost_usd = serializers.CharField(read_only=True, allow_null=True)


class CallUsageRow(Row):
    """What a call used, as its provider counted."""

    input_tokens = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="With those read from and written to a cache; null: its provider did not count.",
    )
    output_tokens = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="With those of reasoning; null likewise."
    )
    cache_read_tokens = serializers.IntegerField(read_only=True)
    cache_write_tokens = serializers.IntegerField(read_only=True)
    reasoning_tokens = serializers.IntegerField(read_only=True)
    cost_usd = serializers.CharField(read_only=True, allow_null=True, help_text="A decimal; null: not known.")
    provider = serializers.CharField(read_only=True)
    model = serializers.CharField(read_only=True)
    response_id = serializers.CharField(read_only=True)
    finish_reason = serializers.CharField(read_only=True)


class CallRow(Row):
    """One call."""

    id = serializers.IntegerField(read_only=True)
    step = serializers.IntegerField(source="step_id", read_only=True)
    step_key = serializers.CharField(source="step.key", read_only=True)
    journal = serializers.IntegerField(
        read_only=True, help_text="Changes when the step's work is done anew, and with it all calls are."
    )
    path = serializers.CharField(read_only=True, help_text="Names it within the journal.")
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    state = serializers.CharField(
        read_only=True, help_text="`begun`: a later attempt makes it again; `open`: nothing answered it."
    )
    awaited = serializers.BooleanField(
        source="is_awaited", read_only=True, help_text="Its step waits for it now; an open one may be left."
    )
    begun_at = serializers.DateTimeField(read_only=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True)
    due_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="When a wait is over.")
    request_digest = serializers.CharField(read_only=True)
    response_digest = serializers.CharField(read_only=True, allow_null=True)
    usage = CallUsageRow(read_only=True, allow_null=True, help_text="Null: nothing is known.")
    tries = CallTryRow(many=True, read_only=True)


class CallDetail(CallRow):
    """One call with what was asked and answered, without secrets."""

    request = serializers.SerializerMethodField(help_text="The arguments, as JSON text.")
    response = serializers.SerializerMethodField(help_text="The answer, as JSON text; null: there is none.")
    hidden = serializers.SerializerMethodField()

    def get_request(self, _call: Any) -> str | None:
        """The arguments, as JSON text."""
        told: str | None = self.context["texts"].request
        return told

    def get_response(self, _call: Any) -> str | None:
        """The answer, as JSON text; null: there is none."""
        told: str | None = self.context["texts"].response
        return told

    def get_hidden(self, _call: Any) -> str | None:
        """Why neither is shown; null when they are."""
        return self.context["texts"].hidden or None


class RunCalls(ApiView):
    """Calls of a run."""

    queryset = Call.objects.none()
    filterset_class = CallFilter
    order: ClassVar[tuple[str, ...]] = ("pk",)

    @extend_schema(operation_id="list_run_calls", responses=CallRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List what the agents of a run called, in the order in which the calls began, without the texts."""
        return self.show_page(list_calls(run_id=find_run(self.caller, run_id).pk), CallRow)


class StepCalls(ApiView):
    """Calls of a step."""

    queryset = Call.objects.none()
    filterset_class = CallFilter
    order: ClassVar[tuple[str, ...]] = ("pk",)

    @extend_schema(operation_id="list_step_calls", responses=CallRow(many=True))
    def get(self, _request: Request, step_id: int) -> Response:
        """List what the agent of a step called, in the order in which the calls began, without the texts."""
        return self.show_page(list_calls(step_id=find_step(self.caller, step_id).pk), CallRow)


class CallView(ApiView):
    """A call."""

    @extend_schema(operation_id="get_call", responses=CallDetail)
    def get(self, _request: Request, call_id: int) -> Response:
        """Show a call with what was asked and answered."""
        call = find_call(self.caller, call_id)
        texts = show_texts([call], self.caller.user_id)[call.pk]
        if texts.hidden == UNTOLD:
            raise AuditSilent(UNTOLD)
        return Response(CallDetail(call, context={"texts": texts}).data)
