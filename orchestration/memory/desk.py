"""The door for people and programs: `from orchestration import memory`. Agents come by their task.

    memory.remember("project", "customer/7", {"tone": "short"}, search="likes short answers")
    memory.find("project", "customer/7", at=datetime(2026, 11, 30, 2, 13, tzinfo=UTC)).value
    memory.forget(prefix="customer/7", reason="the customer asked for it", by=user)

Who may do what in which project is for the caller to ask, as everywhere below the API and the console.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents.domain.addresses import read_address
from agents.domain.memories import normalise, read_key, read_note, read_question, read_scope
from agents.domain.notebook import Hit, MemoryScope, Note
from agents.domain.redaction import MASK, redact_json
from agents.errors import MemoryRefused, MessageRefused
from orchestration.errors import MemoryInvalid, MemoryNotFound, ProjectNotFound
from orchestration.memory.embedding import embed_lines
from orchestration.memory.forgetting import Selection, check_reason, forget_all
from orchestration.memory.lines import describe_note
from orchestration.memory.looking import look, read_hits, take_pin
from orchestration.memory.rows import MOST_SCOPE_ID, Forgetting, Memory
from orchestration.memory.writing import write_memories

T = TypeVar("T")
_DEFAULT: Final = "default"


def remember(
    scope: str,
    key: str,
    value: Any,
    *,
    id: str = "",  # noqa: A002 - the public word
    project: str = _DEFAULT,
    search: str | None = None,
    expires_in_seconds: float | None = None,
    expected_version: int | None = None,
    about: str | Iterable[str] = (),
    reason: str = "",
    by: AbstractBaseUser | None = None,
    through: str = "code",
) -> Memory:
    """Write the next version of a key by hand; the row says who did.

    Args: as of `Task.remember`.  id: the agent's name, the run's id or the actor's address; "" for the project.
        reason: why, for whoever reads the history.  by: who writes.  through: by which way, in a word.
    Raises: MemoryInvalid: names the field.  MemoryConflict: `expected_version` is not the latest.  ProjectNotFound.
    """
    note = _check(
        lambda: read_note(scope, key, value, search, expires_in_seconds, expected_version, about, "")
    )
    project_id = find_project_id(project)
    scope_id = read_scope_id(note.scope, id, project_id)
    _refuse_masks(note, project_id, scope_id)
    line = describe_note(
        note,
        project_id=project_id,
        scope_id=scope_id,
        by_person=None if by is None else by.pk,
        by_name=name_person(by, through),
        reason=check_reason(reason),
    )
    [row] = write_memories([line], embed_lines([line]))
    return Memory.objects.get(pk=row.id)


def find(
    scope: str,
    key: str,
    *,
    id: str = "",  # noqa: A002 - the public word
    project: str = _DEFAULT,
    at: datetime | None = None,
) -> Memory | None:
    """Return the version of a key that counts now, or counted at a moment; None: there is none, or it is forgotten."""
    rows = list_current(at=at).filter(**_read_where(scope, key, id, project))
    return rows.filter(value_json__isnull=False).first()


def history(
    scope: str,
    key: str,
    *,
    id: str = "",  # noqa: A002 - the public word
    project: str = _DEFAULT,
) -> list[Memory]:
    """Return all versions of a key, the latest first, with who wrote each."""
    return list(list_versions().filter(**_read_where(scope, key, id, project)).order_by("-version"))


def recall(
    scope: str,
    like: str,
    *,
    id: str = "",  # noqa: A002 - the public word
    project: str = _DEFAULT,
    limit: int = 3,
) -> list[Hit]:
    """Return what is remembered now that is like a text, the best first, as an agent would find it.

    Raises: MemoryInvalid. ProjectNotFound.
    """
    question = _check(lambda: read_question(scope, like, limit, ""))
    project_id = find_project_id(project)
    return read_hits(look(project_id, read_owner(question.scope, id), question, take_pin()))


def forget(
    *,
    reason: str,
    project: str = _DEFAULT,
    scope: str | None = None,
    id: str | None = None,  # noqa: A002 - the public word
    key: str | None = None,
    prefix: str | None = None,
    text: str | None = None,
    about: str | None = None,
    by: AbstractBaseUser | None = None,
    through: str = "code",
) -> Forgetting:
    """Forget what memories say, in all their versions: values, texts and vectors. Digests and writers stay.

    Args: scope, id: only of these.  key: of this key.  prefix: of keys that begin so.  text: of all that hold it in
        key, value or search text.  about: of all about somebody, as `forget_about`.  At least one of the last four.
        reason: why, for the row that tells it.
    Raises: MemoryInvalid: names the field.  MemoryNotFound: nothing fits. ProjectNotFound.
    """
    known = None if scope is None else _check(lambda: read_scope("", scope))
    check_place(id, project)
    key, prefix = (normalise(name) if isinstance(name, str) else name for name in (key, prefix))
    selection = Selection(find_project_id(project), known, id, key, prefix, text, about)
    return forget_all(selection, reason, by, name_person(by, through))


def forget_about(
    about: str,
    *,
    reason: str,
    projects: Collection[str] | None = None,
    by: AbstractBaseUser | None = None,
    through: str = "code",
) -> list[Forgetting]:
    """Forget all about somebody, in all scopes of several projects: together, or nothing.

    Args: about: as it was given to `remember`; also keys that are this, or begin with it and `/`, are about them.
        projects: their slugs; None: all that there are.
    Returns: a row for each project in which there was something.
    Raises: MemoryInvalid: names the field.  MemoryNotFound: there is nothing. ProjectNotFound.
    """
    rows = apps.get_model("orchestration", "Project").objects.order_by("pk")
    ids = (
        rows.values_list("pk", flat=True)
        if projects is None
        else sorted(find_project_id(slug) for slug in projects)
    )
    told = []
    with transaction.atomic():
        for project_id in ids:
            try:
                told.append(
                    forget_all(Selection(project_id, about=about), reason, by, name_person(by, through))
                )
            except MemoryNotFound:
                continue
        if not told:
            raise MemoryNotFound(
                "nothing is remembered about them in your projects; the list of memories finds what else names them"
            )
    return told


def list_current(project: str | None = None, *, at: datetime | None = None) -> QuerySet[Memory]:
    """Return the version of each key that counts now, or counted at a moment, with who wrote it; expired ones not.

    Args: project: its slug; None: of all projects, for who narrows them.
    """
    rows = list_versions() if project is None else list_versions().filter(project__slug=project)
    given: object = at
    if given is not None and not (isinstance(given, datetime) and given.utcoffset() is not None):
        raise MemoryInvalid(f"at: give a time with its zone, such as datetime.now(UTC), not {at!r:.80}")
    if at is None:
        return rows.filter(replaced_by=None).filter(Q(expires_at=None) | Q(expires_at__gt=Now()))
    began = rows.filter(valid_from__lte=at).filter(Q(replaced_at=None) | Q(replaced_at__gt=at))
    return began.filter(Q(expires_at=None) | Q(expires_at__gt=at))


def list_versions() -> QuerySet[Memory]:
    """Return all versions with what is shown of their writers."""
    rows = Memory.objects.select_related("project", "step", "attempt", "forgotten").order_by(
        "scope", "scope_id", "key", "-version"
    )
    large = ("output_json", "proposed_json", "item_json", "spec_json", "feedback")
    return rows.defer("words", "attempt__traceback_tail", *(f"step__{name}" for name in large))


def check_place(scope_id: object, project: object) -> None:
    """Refuse whose memories and which project could not even be looked for.

    Raises: MemoryInvalid: names the field.
    """
    for field, text in (("id", scope_id), ("project", project)):
        if text is not None and not (isinstance(text, str) and text.isprintable()):
            raise MemoryInvalid(f"{field}: give it in printable characters")


def find_project_id(slug: str) -> int:
    """Return a project's id.

    Raises: MemoryInvalid: it can't be one.  ProjectNotFound: there is none.
    """
    check_place(None, slug)
    projects = apps.get_model("orchestration", "Project").objects
    found: int | None = projects.filter(slug=slug).values_list("pk", flat=True).first()
    if found is None:
        raise ProjectNotFound(f"project: there is no project '{slug}'")
    return found


def read_scope_id(scope: MemoryScope, given: object, project_id: int) -> str:
    """Return whose memories a scope means, where something is written.

    Raises: MemoryInvalid: there can be no such agent, run or actor.
    """
    owner = read_owner(scope, given)
    return _read_run(owner, project_id) if scope is MemoryScope.RUN else owner


def read_owner(scope: MemoryScope, given: object) -> str:
    """Return whose memories are meant, as rows name them.

    Raises: MemoryInvalid: nobody is named, somebody is where a project's memories are meant, or it can be no actor.
    """
    if scope is MemoryScope.PROJECT:
        if given != "":
            raise MemoryInvalid("id: the scope project has none; leave it out")
        return ""
    name = str(given) if isinstance(given, UUID) else given
    if not isinstance(name, str) or not 1 <= len(name) <= MOST_SCOPE_ID or not name.isprintable():
        raise MemoryInvalid(
            f"id: name the {scope} whose memory it is, in 1 to {MOST_SCOPE_ID} printable characters"
        )
    if scope is MemoryScope.ACTOR:
        try:
            read_address(name)
        except MessageRefused as error:
            raise MemoryInvalid(str(error).replace("to:", "id:", 1)) from error
    return name


def _read_where(scope: str, key: str, owner: object, project: str) -> dict[str, Any]:
    """Return which rows a scope, a key, and whose they are, mean."""
    kind, name = _check(lambda: read_scope("", scope)), _check(lambda: read_key("", key))
    return {
        "project_id": find_project_id(project),
        "scope": kind,
        "key": name,
        "scope_id": read_owner(kind, owner),
    }


def _read_run(given: str, project_id: int) -> str:
    runs = apps.get_model("orchestration", "Run").objects
    try:
        number = UUID(given)
    except ValueError:
        number = None
    if number is None or not runs.filter(pk=number, project=project_id).exists():
        raise MemoryInvalid(f"id: the project has no run {given:.80}")
    return str(number)


def _refuse_masks(note: Note, project_id: int, scope_id: str) -> None:
    """Refuse a value that was shown with its secrets masked, and comes back so: they would be lost.

    Raises: MemoryInvalid.
    """
    masks = note.value_json.count(MASK)
    if not masks:
        return
    rows = Memory.objects.filter(
        project=project_id, scope=note.scope, scope_id=scope_id, key=note.key, replaced_by=None
    )
    latest = rows.values_list("value_json", flat=True).first()
    if latest is not None and latest.count(MASK) < min(masks, redact_json(latest).count(MASK)):
        raise MemoryInvalid(
            f"value: it holds {MASK}, which stands for a secret that is not shown; write the secret, or leave it out"
        )


def name_person(by: AbstractBaseUser | None, through: str) -> str:
    """Return who acts, as rows tell it: by which way, and who."""
    return (f"{through}:{by.get_username()}" if by else through)[:200]


def _check(read: Callable[[], T]) -> T:
    try:
        return read()
    except MemoryRefused as error:
        raise MemoryInvalid(str(error).removeprefix(": ")) from error
