"""What may be sent. Nothing else of a row can be set from outside: no status, token, cost or owner."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.domain.memories import MOST_SUBJECTS
from orchestration.api.base import Body
from orchestration.domain.rights import Scope
from orchestration.tokens import LONGEST_DAYS

MOST_RUNS: Final = 500
MOST_SECONDS: Final = 60
MOST_WAIT: Final = 200
DEFAULT_PROJECT: Final = "default"
_ANY: Final = {"description": "Any JSON object that fits the workflow's input schema.", "type": "object"}


@extend_schema_field(_ANY)
class JsonObject(serializers.JSONField):
    """A JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the object.

        Raises: ValidationError: it is something else.
        """
        if not isinstance(data, dict):
            raise serializers.ValidationError("must be a JSON object")
        return data


class Text(serializers.CharField):
    """Text that is text: a number or a truth value is refused, not written out."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text.

        Raises: ValidationError.
        """
        if not isinstance(data, str):
            raise serializers.ValidationError("must be a text")
        return str(super().to_internal_value(data))


class WholeNumber(serializers.IntegerField):
    """A number that is whole: `true`, `"1"` and `1.0` are refused, not converted."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number.

        Raises: ValidationError.
        """
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("must be a whole number")
        return int(super().to_internal_value(data))


class TruthValue(serializers.BooleanField):
    """`true` or `false`: `"yes"` and `1` are refused, not converted."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the value.

        Raises: ValidationError.
        """
        if not isinstance(data, bool):
            raise serializers.ValidationError("must be true or false")
        return data


def _name(**how: Any) -> Text:
    return Text(max_length=100, **how)


def _amount(what: str) -> WholeNumber:
    return WholeNumber(min_value=0, required=False, allow_null=True, default=None, help_text=what)


class BudgetBody(Body):
    """What a run may use at most, with all runs below it; what is not named has no limit."""

    usd = Text(
        max_length=17,
        trim_whitespace=False,
        required=False,
        allow_null=True,
        default=None,
        help_text='As text, such as "2.00".',
    )
    tokens = _amount("In and out of models.")
    calls = _amount("Calls in the journal.")
    human_minutes = _amount("Of people; kept and shown, not booked yet.")


class TopUpBody(BudgetBody):
    """How much is added to limits."""

    step = Text(
        max_length=300, required=False, allow_null=True, default=None, help_text="Of this step's own budget."
    )


class StartBody(Body):
    """Start a run."""

    workflow = _name()
    input = JsonObject(required=False, default=dict)
    project = _name(default=DEFAULT_PROJECT)
    priority = WholeNumber(min_value=-100, max_value=100, default=0)
    budget = BudgetBody(required=False, allow_null=True, default=None)


class KeyedStartBody(StartBody):
    """One start of a batch."""

    idempotency_key = Text(
        max_length=200, required=False, allow_null=True, default=None, trim_whitespace=False
    )


class BatchBody(Body):
    """Start many runs; each by itself."""

    runs = KeyedStartBody(  # many=True makes it a list, which takes a length
        many=True,
        allow_empty=False,
        max_length=MOST_RUNS,  # type: ignore[call-arg]
    )


class SpecBody(Body):
    """A workflow spec, as `manage.py publish_workflows` would publish it."""

    spec = JsonObject()
    project = _name(default=DEFAULT_PROJECT)


class ForkBody(Body):
    """Fork a run from a step."""

    from_step = Text(max_length=300)
    input = JsonObject(required=False, allow_null=True, default=None)


class ReasonBody(Body):
    """Why, in words."""

    reason = Text(max_length=2_000, required=False, allow_blank=True, default="")


@extend_schema_field({"description": "Any JSON value."})
class AnyValue(serializers.Field[Any, Any, Any, Any]):
    """A JSON value as it is, null included."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take null as a value."""
        return (True, None) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """Return the value."""
        return data


class FinishBody(ReasonBody):
    """End a run early, as a success."""

    output = AnyValue(help_text="The run's result; null has to be sent.")


class SignalBody(Body):
    """Send a signal to a run."""

    value = AnyValue(required=False, default=None, help_text="Any JSON value; null if left out.")
    key = Text(
        required=False, allow_null=True, default=None, help_text="The same signal once more has the same key."
    )
    step = Text(required=False, allow_blank=True, default="", help_text="Key of the step that it is for.")


class MailBody(Body):
    """Send a message to an actor, or publish it to a topic."""

    project = _name(default=DEFAULT_PROJECT)
    to = Text(
        max_length=400,
        required=False,
        allow_null=True,
        default=None,
        help_text="An actor's address, such as `support.case/4711`.",
    )
    topic = Text(max_length=200, required=False, allow_null=True, default=None, help_text="Instead of `to`.")
    body = AnyValue(help_text="Any JSON value, at most 65,536 bytes; null has to be sent.")


class TopicBody(Body):
    """Make a topic, or give it another schema."""

    project = _name(default=DEFAULT_PROJECT)
    name = Text(max_length=200)
    schema = JsonObject(
        required=False,
        allow_null=True,
        default=None,
        help_text="JSON Schema of what is published; null: anything.",
    )
    description = Text(max_length=2_000, required=False, allow_blank=True, default="")
    force = TruthValue(default=False, help_text="Although it may break subscribers.")


class SubscriptionBody(Body):
    """Let actors hear a topic."""

    name = Text(max_length=200, help_text="Of their behaviour.")
    key = Text(
        max_length=300,
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        help_text="Of one actor, a member of the topic, which gets all.",
    )
    key_from = Text(
        max_length=2_000,
        required=False,
        allow_blank=True,
        default="",
        help_text="CEL over `body` and `sender` instead: the key of whom a message is for, or null.",
    )
    where = Text(
        max_length=2_000,
        required=False,
        allow_blank=True,
        default="",
        help_text="CEL likewise, beside `key_from`; false: not for them.",
    )


class RememberBody(Body):
    """Remember something by hand."""

    project = Text(required=False, default=DEFAULT_PROJECT)
    scope = Text(help_text="`agent`, `run`, `project` or `actor`.")
    id = Text(required=False, allow_blank=True, default="", help_text="The agent, the run or the actor.")
    key = Text()
    value = AnyValue(help_text="Any JSON value, up to 64 KiB.")
    search = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        default=None,
        help_text="What a recall looks at; null: the words of the value.",
    )
    expires_in_seconds = serializers.FloatField(required=False, allow_null=True, default=None)
    expected_version = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="Refused if the latest is another; 0: none."
    )
    about = serializers.ListField(
        child=Text(),
        required=False,
        default=list,
        max_length=MOST_SUBJECTS,
        help_text="Whom it tells something about.",
    )
    reason = Text(required=False, allow_blank=True, default="", help_text="Why; shown in the history.")


class ForgetBody(Body):
    """Forget what memories say. At least one of `key`, `prefix`, `text` and `about`."""

    project = Text(
        required=False,
        allow_null=True,
        default=None,
        help_text="Null: with `about` all projects in which you may, else `default`.",
    )
    reason = Text(help_text="Why; kept with who and when.")
    scope = Text(required=False, allow_null=True, default=None)
    id = Text(required=False, allow_null=True, allow_blank=True, default=None)
    key = Text(required=False, allow_null=True, default=None)
    prefix = Text(required=False, allow_null=True, default=None, help_text="Of keys that begin so.")
    text = Text(
        required=False,
        allow_null=True,
        default=None,
        help_text="All that hold this in key, value or search text.",
    )
    about = Text(
        required=False,
        allow_null=True,
        default=None,
        help_text="All about somebody: remembered as such, or under this key or below it.",
    )


class TokenBody(Body):
    """Make a token of one's own."""

    name = _name()
    scopes = serializers.MultipleChoiceField(choices=[(s.value, s.name) for s in Scope], allow_empty=False)
    project = _name(required=False, allow_null=True, default=None)
    days = WholeNumber(min_value=1, max_value=LONGEST_DAYS, default=30)
