"""What a step's spec is put together of: how it is tried again, who verifies it, how people meet it.

Read first: `spec.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from agents.domain.addresses import is_actor_name
from orchestration.domain.expressions import ExpressionInvalid, compile_expression

CONFIG = ConfigDict(extra="forbid")


def _require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise ValueError(message)


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Retry:
    """How often and how fast a transient failure is tried again.

    Attributes: max_attempts: tries in all, 1 to 50. backoff_base_seconds: the wait before attempt n+1 is
        base ** (n - 1) seconds. jitter_seconds: a uniform random 0..jitter is added.
    """

    max_attempts: int = 3
    backoff_base_seconds: float = 2.0
    jitter_seconds: float = 0.5

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(1 <= self.max_attempts <= 50, "max_attempts must be between 1 and 50")
        _require(0 <= self.backoff_base_seconds <= 3600, "backoff_base_seconds must be between 0 and 3600")
        _require(0 <= self.jitter_seconds <= 3600, "jitter_seconds must be between 0 and 3600")
        return self


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Keys = Annotated[Sequence[str], AfterValidator(tuple)]
"""Step keys, kept as a tuple."""
Names = Annotated[Sequence[str], BeforeValidator(_as_tuple), AfterValidator(tuple)]
"""Agent names; a single one may be given bare."""


@dataclass(frozen=True, config=CONFIG)
class Verify:
    """A gate: nothing of the step gets through before its verifiers, or a person, let it.

    Attributes: agents: one or more; each sees the output, the step's instructions and its hand-off, and answers
        {"verdict": "PASS" | "FAIL", "reasons": [...]}.  rule: how many must pass.
        max_revisions: how often the step may try again with the reasons before a person is asked.
    """

    agents: Names
    rule: Literal["all", "majority"] = field(default="all", kw_only=True)
    max_revisions: int = field(default=1, kw_only=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(1 <= len(self.agents) <= 20, "agents must name 1 to 20 verifiers")
        _require(0 <= self.max_revisions <= 20, "max_revisions must be between 0 and 20")
        return self


@dataclass(frozen=True, config=CONFIG)
class Recall:
    """Memories that a step is handed beside the outputs of its needs, within the same tokens.

    Attributes: like: CEL over {input, steps, item, summary}: the text that they are to be like; null: none are wanted.
        scope: whose memories.  limit: so many at most.
    """

    like: str
    scope: Literal["agent", "run", "project", "actor"] = field(default="project", kw_only=True)
    limit: int = field(default=3, kw_only=True)


REVIEW_NAMES: Final = frozenset({"input", "proposal"})
"""What the title of a review reads: the run's input, and what the agent proposed."""
_MOST_PLACES: Final = 200


def _check_place(name: str, place: str) -> None:
    """Raise ValueError for what names no field, telling by which of a review's own fields."""
    shown = f"{name}: '{place[:60]}' names no field"
    _require(0 < len(place) <= 200, f"{shown}; it must have 1 to 200 characters")
    _require(
        "[" not in place and all(place.split(".")), f"{shown}; write 'customer.mail', in a list 'lines.price'"
    )


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Review:
    """How a reviewer meets the step's work.

    A place is a field of the proposal: `body`; within another, `customer.mail`; in each item of a list, `lines.price`.

    Attributes: question: asked instead of the usual one.  title: CEL over {input, proposal}; in lists of tickets.
        main: the place that is to be read first.  labels: place -> what people call it.
        fold: places that are shown when asked for.  links: places that hold an address.
    """

    question: str = ""
    title: str | None = None
    main: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    fold: Keys = ()
    links: Keys = ()

    @property
    def places(self) -> list[tuple[str, str]]:
        """Return all places it names, each with the field that names it."""
        named = (("main", [self.main] if self.main else []), ("labels", self.labels), ("fold", self.fold))
        return [(name, place) for name, places in (*named, ("links", self.links)) for place in places]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(len(self.question) <= 500, "question must have at most 500 characters")
        _require(len(self.places) <= _MOST_PLACES, f"at most {_MOST_PLACES} places can be named")
        for name, place in self.places:
            _check_place(name, place)
        for place, label in self.labels.items():
            _require(0 < len(label) <= 100, f"labels: that of '{place}' must have 1 to 100 characters")
        if self.title is not None:
            try:
                compile_expression(self.title, REVIEW_NAMES)
            except ExpressionInvalid as error:
                raise ValueError(f"title is no CEL expression over input and proposal: {error}") from error
        return self


LISTEN_NAMES: Final = frozenset({"body", "sender"})
"""What a subscription reads of a message."""
_MOST_CEL: Final = 1_000


@dataclass(frozen=True, config=CONFIG)
class Listen:
    """A topic that actors hear, and which of them.

    Attributes: topic: its name.  key: CEL over {body, sender}: the key of whom a message is for; null: nobody.
        where: CEL likewise; false: the message is for nobody.
    """

    topic: str
    key: str = field(kw_only=True)
    where: str = field(default="", kw_only=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(
            is_actor_name(self.topic), f"topic: '{self.topic[:100]}' must be dotted lower-case identifiers"
        )
        for name, source in (("key", self.key), ("where", self.where)):
            check_listening(name, source)
        return self


@dataclass(frozen=True, config=CONFIG)
class TopicSpec:
    """A topic and what is published to it. `publish_workflows` makes it, as a new version where its schema is new.

    Attributes: name: dotted lower-case identifiers, e.g. "case.updated".  schema: JSON Schema of what is published, or
        a pydantic model; None: anything.  description: in words, for people.
    """

    name: str
    schema: Any = None
    description: str = field(default="", kw_only=True)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _require(is_actor_name(self.name), f"name: '{self.name[:100]}' must be dotted lower-case identifiers")
        is_model = isinstance(self.schema, type) and issubclass(self.schema, BaseModel)
        _require(
            self.schema is None or is_model or isinstance(self.schema, Mapping),
            f"topic '{self.name}': schema must be a JSON Schema (dict) or a pydantic model class",
        )
        return self


def check_listening(name: str, source: str) -> None:
    """Raise ValueError for what is no expression over a message. `name`: of the field; only `where` may be empty."""
    if not source and name == "where":
        return
    _require(0 < len(source) <= _MOST_CEL, f"{name} must have 1 to {_MOST_CEL:,} characters")
    try:
        compile_expression(source, LISTEN_NAMES)
    except ExpressionInvalid as error:
        raise ValueError(f"{name} is no CEL expression over body and sender: {error}") from error
