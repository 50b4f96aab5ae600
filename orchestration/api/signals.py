"""Signals to runs: sending one, by an account or by an address that an agent gave out, and those that came."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import runs
from orchestration.api.base import ApiView
from orchestration.api.bodies import SignalBody
from orchestration.api.filters import SignalFilter
from orchestration.api.limits import read_length
from orchestration.api.rows import Row
from orchestration.domain.rights import Right
from orchestration.errors import SignalInvalid
from orchestration.journal.reading import list_signals
from orchestration.models import Signal
from orchestration.selectors.scope import find_run


class SignalRow(Row):
    """One signal, without its value, which the call that it answered shows."""

    id = serializers.IntegerField(read_only=True)
    run = serializers.UUIDField(source="run_id", read_only=True)
    name = serializers.CharField(read_only=True)
    key = serializers.CharField(read_only=True, allow_null=True)
    step = serializers.CharField(
        source="step_key", read_only=True, help_text="Whom it is for; empty: whoever waits."
    )
    value_digest = serializers.CharField(read_only=True)
    sender = serializers.CharField(read_only=True, help_text="By which way it came, and from whom.")
    sent_at = serializers.DateTimeField(read_only=True)
    taken_by = serializers.CharField(source="step.key", read_only=True, default=None, allow_null=True)
    taken_at = serializers.DateTimeField(read_only=True, allow_null=True)
    refusal = serializers.CharField(
        read_only=True, help_text="Why whoever waited could not use it; another wait may."
    )
    calls = serializers.SerializerMethodField(help_text="Ids of the waits that it answered.")

    def get_calls(self, signal: Any) -> list[int]:
        """Ids of the waits that it answered: more than one where a step did its work anew."""
        return [call.pk for call in signal.calls.all()]


class RunSignals(ApiView):
    """Signals of a run."""

    queryset = Signal.objects.none()
    filterset_class = SignalFilter
    order: ClassVar[tuple[str, ...]] = ("pk",)

    @extend_schema(operation_id="list_run_signals", responses=SignalRow(many=True))
    def get(self, _request: Request, run_id: UUID) -> Response:
        """List the signals that came to a run, in their order, without their values."""
        run = find_run(self.caller, run_id)
        return self.show_page(list_signals(run.pk), SignalRow)


class RunSignal(ApiView):
    """Sending a signal."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.RUN}

    @extend_schema(operation_id="signal_run", request=SignalBody, responses=SignalRow)
    def post(self, _request: Request, run_id: UUID, name: str) -> Response:
        """Send a signal: who waits for it goes on, who waits later finds it. The same key again is the same signal."""
        body = self.read_body(SignalBody)
        run = find_run(self.caller, run_id, Right.RUN)
        sent = runs.signal(
            run.pk, name, body["value"], key=body["key"], step=body["step"], by=self.person, through="api"
        )
        return Response(SignalRow(sent).data)


class CallbackRow(serializers.Serializer[Any]):
    """That a signal came."""

    name = serializers.CharField(read_only=True)
    sent_at = serializers.DateTimeField(read_only=True)


class Callback(ApiView):
    """An address that an agent gave out: whoever has it may send one signal, without an account."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="call_back", request={"application/json": {}}, responses=CallbackRow, auth=[])
    def post(self, request: Request, token: str) -> Response:
        """Send the one signal that this address stands for: the body is its JSON value. Sent again, it is the same."""
        if not read_length(request):
            raise SignalInvalid(
                'value: send the JSON value as the body, such as {"euro": 5}; nothing was sent'
            )
        return Response(CallbackRow(runs.signal_by_callback(token, request.data)).data)
