"""What lists can be narrowed by."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from agents.domain.canonical import EXACT_INTEGER_LIMIT
from agents.domain.memories import MOST_KEY, normalise
from agents.domain.notebook import MemoryScope
from agents.domain.outbox import MessageKind
from orchestration.api.access import caller_of
from orchestration.domain.calls import CallState
from orchestration.domain.events import EventKind
from orchestration.domain.mail import DeliveryState, Life
from orchestration.domain.states import DecisionKind, RunStatus, StepKind, StepStatus
from orchestration.memory.searching import narrow_to_subject
from orchestration.models import LineageKind, Message, Run
from orchestration.selectors.actors import ActorWithLife, narrow_to_life
from orchestration.selectors.lineage import holds
from orchestration.selectors.mailboxes import narrow_mail
from orchestration.selectors.memories_shown import search
from orchestration.selectors.progress import STATES, narrow_to_state


class _Id(filters.Filter):
    """The number of a row."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **how: Any) -> None:
        """Bound the number."""
        super().__init__(*args, min_value=0, max_value=EXACT_INTEGER_LIMIT - 1, **how)


def _text(field: str | None = None, length: int = 300, **how: Any) -> filters.CharFilter:
    return filters.CharFilter(field_name=field, max_length=length, strip=False, **how)


class _Name(filters.CharFilter):
    """A key or its beginning, in the one form in which keys are kept."""

    def __init__(self, *args: Any, **how: Any) -> None:
        """Bound the text."""
        super().__init__(*args, field_name="key", max_length=MOST_KEY, strip=False, **how)

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Narrow the list."""
        narrowed: QuerySet[Any] = super().filter(qs, normalise(value))
        return narrowed


def _word(words: Any, **how: Any) -> filters.ChoiceFilter:
    choices = [(str(word), str(word)) for word in words]
    refusal = f"give one of these: {', '.join(word for word, _ in choices)}"
    return filters.ChoiceFilter(choices=choices, error_messages={"invalid_choice": refusal}, **how)


class WorkflowFilter(filters.FilterSet):
    """Workflows."""

    project = _text("project__slug")
    name = _text()


class RunFilter(filters.FilterSet):
    """Runs."""

    project = _text("project__slug")
    workflow = _text("workflow_name")
    status = _word(RunStatus, help_text="As it is stored: a run that waits for people is `running`.")
    state = _word(
        STATES, method="narrow_to_state", help_text="The status, but `waiting` where only people can go on."
    )
    idempotency_key = _text()
    requested_by = _text("requested_by__username")
    root = filters.UUIDFilter(field_name="root_id")
    parent_step = _Id(field_name="parent_step_id")
    forked_from = filters.UUIDFilter(field_name="forked_from_id")
    created_after = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    def narrow_to_state(self, runs: QuerySet[Run], _name: str, state: str) -> QuerySet[Run]:
        """Return the runs in a state, the derived one included."""
        return narrow_to_state(runs, state)


class StepFilter(filters.FilterSet):
    """Steps of a run."""

    key = _text()
    agent = _text()
    status = _word(StepStatus)
    kind = _word(StepKind)
    parent = _Id(field_name="parent_id")


class AttemptFilter(filters.FilterSet):
    """Attempts of a run."""

    step = _Id(field_name="step_id")
    agent = _text()


class DecisionFilter(filters.FilterSet):
    """Decisions of a run."""

    step = _Id(field_name="step_id")
    kind = _word(DecisionKind)


class HandoffFilter(filters.FilterSet):
    """Hand-offs of a run."""

    from_step = _Id(field_name="from_step_id")
    to_step = _Id(field_name="to_step_id")


class CallFilter(filters.FilterSet):
    """Calls."""

    name = _text()
    state = _word(CallState)


class SignalFilter(filters.FilterSet):
    """Signals."""

    name = _text()
    key = _text()


class MemoryFilter(filters.FilterSet):
    """Memories."""

    project = _text("project__slug")
    scope = _word(MemoryScope)
    id = _text("scope_id")
    key = _Name()
    prefix = _Name(lookup_expr="startswith")
    text = filters.CharFilter(
        method="narrow_to_text", max_length=300, help_text="What key, value or search text holds."
    )
    about = filters.CharFilter(
        method="narrow_to_subject", max_length=200, strip=False, help_text="All about somebody."
    )
    run = filters.UUIDFilter(field_name="run_id", help_text="That wrote it.")
    agent = _text("attempt__agent")

    def narrow_to_text(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        """Return those that hold a text, of what the caller may look through."""
        return search(rows, text, caller_of(self.request).user_id)

    def narrow_to_subject(self, rows: QuerySet[Any], _name: str, subject: str) -> QuerySet[Any]:
        """Return those about somebody."""
        return narrow_to_subject(rows, subject)


class RunEventFilter(filters.FilterSet):
    """Lines of a run's history."""

    step = _Id(field_name="step_id")
    agent = _text("step__agent")
    kind = _word(EventKind)
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class LineageFilter(filters.FilterSet):
    """Lines of a lineage."""

    step = _Id(field_name="step_id")
    agent = _text("step__agent")
    kind = _word(LineageKind)
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")
    text = _text(method="narrow_to_text", help_text="What name or data hold, in small or capital letters.")

    def narrow_to_text(self, lines: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        """Return the lines that hold a text."""
        return lines.filter(holds(text))


class EventFilter(RunEventFilter):
    """Lines of the history."""

    run = filters.UUIDFilter(field_name="run_id")


class ActorFilter(filters.FilterSet):
    """Actors."""

    project = _text("project__slug")
    name = _text()
    key = _text()
    state = _word(Life, method="narrow_to_life")
    made_by = _Id(field_name="made_by_actor_id", help_text="Id of the actor that made them.")

    def narrow_to_life(
        self, actors: QuerySet[ActorWithLife], _name: str, state: str
    ) -> QuerySet[ActorWithLife]:
        """Return the actors that do so."""
        return narrow_to_life(actors, state)


class DeliveryFilter(filters.FilterSet):
    """Deliveries to an actor."""

    state = _word(DeliveryState)
    run = filters.UUIDFilter(field_name="run_id", help_text="The turn that got them.")


class DeadLetterFilter(filters.FilterSet):
    """Dead letters."""

    project = _text("actor__project__slug")
    actor = _Id(field_name="actor_id")
    name = _text("actor__name")


class MailFilter(filters.FilterSet):
    """Messages to actors and topics."""

    project = _text("project__slug")
    sender = _text(length=320, method="narrow_to_sender")
    topic = _text(method="narrow_to_topic")
    kind = _word(MessageKind)
    run = filters.UUIDFilter(field_name="run_id", help_text="Whose steps sent them.")
    since = filters.IsoDateTimeFilter(field_name="sent_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="sent_at", lookup_expr="lt")

    def narrow_to_sender(self, mail: QuerySet[Message], _name: str, sender: str) -> QuerySet[Message]:
        """Return what a sender sent."""
        return narrow_mail(caller_of(self.request), mail, sender=sender)

    def narrow_to_topic(self, mail: QuerySet[Message], _name: str, topic: str) -> QuerySet[Message]:
        """Return what was published to the topics of a name."""
        return narrow_mail(caller_of(self.request), mail, topic=topic)


class TopicFilter(filters.FilterSet):
    """Topics."""

    project = _text("project__slug")
    name = _text()
