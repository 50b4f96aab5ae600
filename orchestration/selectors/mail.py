"""Questions about messages, as whoever sends or delivers them asks them. Read next: `orchestration/actors/`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from orchestration.database.statements import fetch_all, fetch_one
from orchestration.domain.mail import Sender
from orchestration.models import Topic, TopicSchema

# What a step of a child run sends, the turn at the top of its tree sends.
_SENDER = """
SELECT r.project_id, r.requested_by_id, top.workflow_name, a.id AS actor_id, a.name, a.key,
    coalesce(m.hops, 0) AS hops, coalesce(m.chain, '{}') AS chain,
    EXISTS (
        WITH RECURSIVE origin AS (
            SELECT o.id, o.actor_id, o.forked_from_id FROM orchestration_run o WHERE o.id = top.forked_from_id
            UNION SELECT o.id, o.actor_id, o.forked_from_id FROM origin f JOIN orchestration_run o
                ON o.id = f.forked_from_id
        ) SELECT 1 FROM origin WHERE actor_id IS NOT NULL) AS is_mute
FROM orchestration_run r JOIN orchestration_run top ON top.id = r.root_id
LEFT JOIN orchestration_actor a ON a.id = top.actor_id
LEFT JOIN LATERAL (
    SELECT max(x.hops) AS hops, array_agg(DISTINCT c.address) FILTER (WHERE c.address IS NOT NULL) AS chain
    FROM orchestration_delivery d JOIN orchestration_message x ON x.id = d.message_id
    LEFT JOIN LATERAL unnest(x.chain) AS c(address) ON true
    WHERE d.run_id = top.id) m ON true
WHERE r.id = %(run)s
"""


def find_sender(run_id: UUID) -> Sender:
    """Return by whose hand the steps of a run send."""
    row = fetch_one(_SENDER, {"run": run_id})
    if row.actor_id is None:
        address, chain = f"workflow:{row.workflow_name}", tuple(row.chain)
    else:
        address = f"{row.name}/{row.key}"
        chain = tuple(dict.fromkeys((*row.chain, address)))
    return Sender(
        row.project_id, address, row.actor_id, row.hops + 1, chain, row.requested_by_id, row.is_mute
    )


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A topic and what its messages must meet now. `schema_json`: None: anything."""

    topic_id: int
    version: int | None
    schema_json: str | None


def find_topics(project_id: int, names: Collection[str]) -> dict[str, TopicFound]:
    """Return the topics of a project that have these names, with their latest schemas."""
    rows = Topic.objects.filter(project_id=project_id, name__in=names).values_list("pk", "name")
    found = {}
    for number, name in rows:
        latest = _find_schema(number)
        found[name] = TopicFound(number, latest and latest[0], latest and latest[1])
    return found


def _find_schema(topic_id: int) -> tuple[int, str] | None:
    rows = TopicSchema.objects.filter(topic_id=topic_id).order_by("-version")
    return rows.values_list("version", "schema_json").first()


def behaves_as(project: str, name: str) -> str:
    """Return the FROM of the workflows `w` that actors behave by: whose latest version has their name.

    Args: SQL of the project's id and the actors' name, or of `ANY` of several.
    """
    return f"""orchestration_workflow w WHERE w.project_id = {project} AND w.actor = {name} AND w.actor <> ''
    AND NOT EXISTS (SELECT 1 FROM orchestration_workflow l
        WHERE l.project_id = w.project_id AND l.name = w.name AND l.version > w.version)"""


def is_full(actor: str) -> str:
    """Return the condition that the mailbox of an actor, by SQL of its id, holds `%(most)s` messages."""
    return f"""(SELECT count(*) FROM (SELECT 1 FROM orchestration_delivery d
        WHERE d.actor_id = {actor} AND d.state = 'queued' LIMIT %(most)s) q) >= %(most)s"""


_BEHAVED = f"SELECT DISTINCT w.actor FROM {behaves_as('%(project)s', 'ANY(%(names)s::text[])')}"


def find_behaviours(project_id: int, names: Collection[str]) -> set[str]:
    """Return those of the names for which a project has a published behaviour: the latest version of some workflow."""
    return {row.actor for row in fetch_all(_BEHAVED, {"project": project_id, "names": sorted(names)})}


_DOOR = f"""
SELECT p.id AS project, EXISTS (SELECT 1 FROM {behaves_as("p.id", "%(name)s")}) AS is_known,
    a.id IS NOT NULL AND {is_full("a.id")} AS is_full
FROM orchestration_project p
LEFT JOIN orchestration_actor a ON a.project_id = p.id AND a.name = %(name)s AND a.key = %(key)s WHERE p.slug = %(slug)s
"""


@dataclass(frozen=True, slots=True)
class Door:
    """What whoever is outside finds before an actor: whether some workflow behaves as it, and its mailbox is full."""

    project_id: int
    is_known: bool
    is_full: bool


def find_door(slug: str, name: str, key: str, most: int) -> Door | None:
    """Return what one finds before an actor; None: there is no such project."""
    row = fetch_one(_DOOR, {"slug": slug, "name": name, "key": key, "most": most})
    return None if row is None else Door(row.project, row.is_known, row.is_full)


_CROWDED = f"""
SELECT w.name, w.key FROM unnest(%(names)s::text[], %(keys)s::text[]) AS w(name, key)
JOIN orchestration_actor a ON a.project_id = %(project)s AND a.name = w.name AND a.key = w.key
WHERE {is_full("a.id")} LIMIT 1
"""


def find_full_mailbox(project_id: int, addresses: Sequence[tuple[str, str]], most: int) -> str | None:
    """Return an address of these whose mailbox holds as many messages as it may; None: none does."""
    names, keys = [name for name, _ in addresses], [key for _, key in addresses]
    row = fetch_one(_CROWDED, {"project": project_id, "names": names, "keys": keys, "most": most})
    return None if row is None else f"{row.name}/{row.key}"
