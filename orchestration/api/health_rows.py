"""How the health of an agent is shown."""

from rest_framework import serializers

from agents.domain.circuit import BreakerState
from orchestration.api.fields import word
from orchestration.api.rows import Row
from orchestration.domain.states import AttemptOutcome


class FailureRow(Row):
    """A recent failure of an agent."""

    step = serializers.IntegerField(source="step_id", read_only=True)
    run = serializers.UUIDField(source="run_id", read_only=True)
    outcome = word(AttemptOutcome)
    failure_kind = serializers.CharField(read_only=True)
    error_class = serializers.CharField(read_only=True)
    error_message = serializers.CharField(read_only=True)
    finished_at = serializers.DateTimeField(read_only=True)


class BreakerRow(Row):
    """The breaker of an agent: for all runs, also those that the caller may not see."""

    state = word(BreakerState)
    opened_at = serializers.DateTimeField(
        source="kept_away_since",
        read_only=True,
        allow_null=True,
        help_text="Since when work is kept away; null while closed.",
    )
    probe_at = serializers.DateTimeField(
        source="until",
        read_only=True,
        allow_null=True,
        help_text="When a probe may pass; null unless the pause runs.",
    )
    may_probe = serializers.BooleanField(read_only=True, help_text="The next claim passes, as the one probe.")
    is_probing = serializers.BooleanField(read_only=True, help_text="A probe is under way.")


class HealthRow(Row):
    """How an agent has done lately, in the runs that the caller may see."""

    agent = serializers.CharField(read_only=True)
    is_known = serializers.BooleanField(read_only=True, help_text="The web process has it.")
    served_by = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Present workers that have it."
    )
    attempts = serializers.IntegerField(read_only=True, help_text="Of the latest, at most 100.")
    answered = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)
    under_way = serializers.IntegerField(read_only=True)
    last_attempt_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_failures = FailureRow(many=True, read_only=True)
    breaker = BreakerRow(read_only=True)
