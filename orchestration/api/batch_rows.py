"""How a batch of starts is shown: a run or a problem for each, in order."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orchestration.api.rows import Row, RunRow


@extend_schema_field({"oneOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}]})
class Problem(serializers.Field[Any, Any, Any, Any]):
    """A refusal, as `problems.py` describes it."""

    def to_representation(self, value: Any) -> Any:
        """Return the problem."""
        return value


class StartedRow(Row):
    """One of a batch: a run, or the problem it met."""

    run = RunRow(read_only=True, allow_null=True)
    problem = Problem(read_only=True)


class BatchRow(Row):
    """What became of a batch, in its order."""

    results = StartedRow(many=True, read_only=True)
