"""What somebody asks the lineage about, found for them: a run, an actor, a memory, a key, or a whole project."""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from agents.domain.addresses import Address, read_address
from agents.domain.memories import normalise
from agents.domain.notebook import MemoryScope
from agents.errors import MessageRefused
from orchestration.errors import ActorNotFound, LineageInvalid, RunNotFound
from orchestration.models import Actor, Run
from orchestration.selectors.lineage import GivenKey, LineageQuery, MemoryName, Subject
from orchestration.selectors.scope import Caller, find_project, find_run, scope_rows

_MOST_TEXT = 300


class About(StrEnum):
    """What the lineage is asked about."""

    RUN = "run"
    ACTOR = "actor"
    MEMORY = "memory"
    KEY = "key"
    PROJECT = "project"


def find_subject(caller: Caller, about: About, given: Mapping[str, str]) -> Subject:
    """Return what somebody asks about.

    Args: given: `name`: a run's id, an actor's address, the key of a memory or of runs and messages; `project`: its
        slug; of a memory `scope`, and in `id` whose it is.
    Raises: LineageInvalid: names the field.  RunNotFound, ActorNotFound, ProjectNotFound: there is none, or not for
        them.  RightMissing, ScopeMissing.
    """
    name = given.get("name", "").strip()
    if about is About.RUN:
        return find_run(caller, _read_id(name))
    project = find_project(caller, given.get("project", "").strip() or "default")
    if about is About.PROJECT:
        return project
    if about is About.ACTOR:
        return find_actor_at(caller, name, project.slug)
    if not name or len(name) > _MOST_TEXT:
        raise LineageInvalid(f"name: give the key that is asked about, of 1 to {_MOST_TEXT} characters")
    if about is About.KEY:
        return GivenKey(project.pk, name)
    scope = given.get("scope", "").strip() or str(MemoryScope.PROJECT)
    if scope not in set(MemoryScope):
        raise LineageInvalid(f"scope: not '{scope[:40]}'; give one of {', '.join(MemoryScope)}")
    whose = given.get("id", "").strip()
    if (scope == MemoryScope.PROJECT) != (not whose):
        raise LineageInvalid(
            f"id: {'leave it out: a project has one memory' if whose else 'say whose: the agent, run or actor'}"
        )
    return MemoryName(project.pk, scope, whose, normalise(name))


def _read_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise RunNotFound(f"'{text[:60]}' is no run's id; the list of runs shows the ids") from None


def find_actor_at(caller: Caller, address: str, project: str) -> Actor:
    """Return the actor at an address that somebody may see.

    Raises: LineageInvalid: it is no address.  ActorNotFound. ProjectNotFound. RightMissing, ScopeMissing.
    """
    found = scope_rows(caller, Actor.objects.select_related("project")).filter(
        project=find_project(caller, project), **_read_parts(address)
    )
    actor = found.first()
    if actor is None:
        raise ActorNotFound(
            f"there is no actor '{address}' in project '{project}'; the list of actors shows those you may see"
        )
    return actor


def _read_parts(text: str) -> dict[str, str]:
    try:
        address: Address = read_address(text)
    except MessageRefused as error:
        raise LineageInvalid(str(error).replace("to:", "address:", 1)) from error
    return {"name": address.name, "key": address.key}


def check_query(asked: LineageQuery) -> None:
    """Refuse what can't be answered, or only by reading everything.

    Raises: LineageInvalid: names the field.
    """
    if asked.since and asked.until and asked.since >= asked.until:
        raise LineageInvalid(
            "since: it is not before `until`, so that nothing can lie between; exchange the two"
        )
    is_bounded = asked.since and asked.until
    if not is_bounded and not isinstance(asked.of, Run | Actor | MemoryName | GivenKey):
        raise LineageInvalid(
            "since: of a whole project, give `since` and `until`; or ask about a run, actor or key"
        )
