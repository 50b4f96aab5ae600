"""What a message may say: exactly what the engine's own say. Whoever reaches the broker can write others.

A message is a doorbell: the id of a step, and what Celery needs to ring on. Everything it asks for is checked against
rows, so a forged one could only do harm on its way, by what Celery makes of it: an id that is a list, a date to wait
for, a link to nowhere. Models state the whole shape; what does not fit is refused before anybody acts on it.
Read next: orchestration/worker/reception.py.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NotRequired, Required

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from agents.domain.contract import Queue

TASK: Final = "orchestration.perform_step"
MAX_BYTES: Final = 1_048_576
"""Far above a chain of as many links as the settings allow; what is longer is not even read."""

_TWO_STEPS: Final = "the task id names another step than the argument"
_MAX_ID: Final = 2**63 - 1
_MAX_SECONDS: Final = 10_000_000.0
_TASK_ID: Final = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[1-9][0-9]{0,18}\.[0-9]{1,10}$"

StepId = Annotated[int, Field(strict=True, ge=1, le=_MAX_ID)]
TaskId = Annotated[str, Field(strict=True, pattern=_TASK_ID)]
# One line of plain characters: names of workflows and steps, host names, ids that Celery made.
_Line = Annotated[str, Field(strict=True, pattern=r"^[\x20-\x7e]{0,600}$")]
_Seconds = Annotated[float, Field(strict=True, gt=0, le=_MAX_SECONDS, allow_inf_nan=False)]
_NoFields = Annotated[dict[str, Any], Field(max_length=0)]
_Nothing = Annotated[list[Any], Field(max_length=0)] | _NoFields | None
_Arguments = Annotated[list[StepId], Field(min_length=1, max_length=1)]
# Named in a message by its text.
_Queue = Annotated[Queue, Field(strict=False)]


# Dictionaries and not models: a long chain is looked through in half the time.
_EXACT: Final = ConfigDict(strict=True, extra="forbid")


@with_config(_EXACT)
class _LinkOptions(TypedDict):
    task_id: TaskId
    queue: _Queue
    ignore_result: Literal[True]
    shadow: NotRequired[_Line]
    argsrepr: NotRequired[_Line]
    kwargsrepr: NotRequired[_Line]
    soft_time_limit: NotRequired[_Seconds]
    time_limit: NotRequired[_Seconds]


@with_config(_EXACT)
class _Link(TypedDict):
    """What rings after this message: the next link of a chain, or the join of a chord."""

    task: Literal["orchestration.perform_step"]
    args: _Arguments
    kwargs: _NoFields
    options: _LinkOptions
    subtask_type: NotRequired[None]
    immutable: Literal[True]


@with_config(_EXACT)
class _Following(TypedDict):
    callbacks: NotRequired[_Nothing]
    errbacks: NotRequired[_Nothing]
    chain: NotRequired[list[_Link] | None]
    chord: NotRequired[_Link | None]


@with_config(strict=True, extra="ignore")
class _Headers(TypedDict, total=False):
    """The headers that Celery reads. Others, such as a tracer's, are none of its business and are dropped."""

    task: Required[Literal["orchestration.perform_step"]]
    id: Required[TaskId]
    ignore_result: Required[Literal[True]]
    lang: _Line | None
    shadow: _Line | None
    eta: None
    expires: None
    group: _Line | None
    group_index: Annotated[int, Field(ge=0, le=_MAX_ID)] | None
    retries: Literal[0]
    timelimit: Annotated[list[_Seconds | None], Field(min_length=2, max_length=2)] | None
    root_id: _Line | None
    parent_id: _Line | None
    argsrepr: _Line | None
    kwargsrepr: _Line | None
    origin: _Line | None
    replaced_task_nesting: Literal[0]
    stamped_headers: _Nothing
    stamps: _Nothing


@with_config(strict=True, extra="ignore")
class _Properties(TypedDict, total=False):
    """What the broker's protocol carries beside the headers, as far as Celery looks at it."""

    correlation_id: _Line | None
    reply_to: _Line | None
    priority: Annotated[int, Field(ge=0, le=255)] | None


_HEADERS: Final = TypeAdapter(_Headers)
_PROPERTIES: Final = TypeAdapter(_Properties)
_BODY: Final = TypeAdapter[tuple[list[int], dict[str, Any], _Following]](
    tuple[_Arguments, _NoFields, _Following]
)
_LINK: Final = TypeAdapter(_Link)
HEADER_NAMES: Final = frozenset(_Headers.__annotations__)


@dataclass(frozen=True, slots=True)
class Link:
    """The next link of a chain: the step that it rings for, under which task id."""

    step_id: int
    task_id: str


def find_message_fault(headers: object, properties: object, body: object) -> str | None:
    """Return why a message is none of the engine's, in a few words that repeat nothing of it; None if it is one."""
    try:
        head = _HEADERS.validate_python(headers)
        _PROPERTIES.validate_python(properties)
        arguments, _, following = _BODY.validate_python(body)
    except ValidationError as error:
        return _describe(error)
    links = [*(following.get("chain") or ()), *filter(None, [following.get("chord")])]
    named = [(head["id"], arguments[0]), *((link["options"]["task_id"], link["args"][0]) for link in links)]
    return None if all(_agree(task_id, step_id) for task_id, step_id in named) else _TWO_STEPS


def read_link(link: object) -> Link | None:
    """Return a chain's next link, or None if it is none that the engine has made."""
    try:
        found = _LINK.validate_python(link)
    except ValidationError:
        return None
    step_id, task_id = found["args"][0], found["options"]["task_id"]
    return Link(step_id, task_id) if _agree(task_id, step_id) else None


def _agree(task_id: str, step_id: int) -> bool:
    return task_id.split(".")[1] == str(step_id)


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) if isinstance(part, int) else _name(part) for part in first["loc"])
    return f"{where or 'message'}: {first['type']}"


def _name(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,40}", part, re.ASCII) else "a field"
