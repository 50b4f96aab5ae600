"""Which workflow is the behaviour of an actor's name, and the topics that it hears."""

from collections.abc import Iterable
from typing import Final

from django.db.models import Count, Q

from agents.domain.canonical import canonical_json
from orchestration.database.statements import fetch_one
from orchestration.domain.mail import MOST_RULES
from orchestration.domain.receipts import digest_text
from orchestration.domain.spec_parts import Listen
from orchestration.errors import Problem, SpecInvalid
from orchestration.models import Subscription, Topic, TopicSchema, Workflow
from orchestration.selectors.workflow_details import latest_versions


def find_behaviour(project_id: int, name: str) -> Workflow | None:
    """Return the version that actors of a name behave by; None: no workflow has the name in its latest version."""
    found = latest_versions(Workflow.objects.filter(project_id=project_id, actor=name))
    return found.order_by("-pk").first()


# By the indexes of what is queued and of what is not routed yet, such as reminders that are due later. What comes to a
# stopped actor is a dead letter, whoever behaves as it.
_WAITING: Final = """
WITH waiting AS (
    SELECT a.key FROM orchestration_actor a
    WHERE a.project_id = %(project)s AND a.name = %(name)s AND a.stopped_at IS NULL
      AND EXISTS (SELECT 1 FROM orchestration_delivery d WHERE d.actor_id = a.id AND d.state = 'queued')
    UNION
    SELECT m.to_key FROM orchestration_message m
    WHERE m.project_id = %(project)s AND m.routed_at IS NULL AND m.to_name = %(name)s
      AND NOT EXISTS (SELECT 1 FROM orchestration_actor a WHERE a.project_id = m.project_id
          AND a.name = m.to_name AND a.key = m.to_key AND a.stopped_at IS NOT NULL)
)
SELECT w.key, count(*) OVER () AS total FROM waiting w ORDER BY w.key LIMIT 1
"""


def find_forsaken(project_id: int, name: str) -> tuple[str, int] | None:
    """Return an actor that has mail, or gets some, and nobody to behave as; and how many there are. None: none is."""
    if find_behaviour(project_id, name) is not None:
        return None
    row = fetch_one(_WAITING, {"project": project_id, "name": name})
    return None if row is None else (f"{name}/{row.key}", row.total)


def take_over_listening(project_id: int, workflow: str, actor: str | None, listens: Iterable[Listen]) -> None:
    """Make the subscriptions of a workflow those that its spec names; topics that are new accept anything.

    Raises: SpecInvalid: a topic has as many rules as it may.
    """
    kept = []
    for each in listens:
        topic, _ = Topic.objects.get_or_create(project_id=project_id, name=each.topic)
        if not topic.schemas.exists():
            text = canonical_json({})
            TopicSchema.objects.create(
                topic=topic,
                version=1,
                schema_json=text,
                digest=digest_text(text),
                made_by=f"workflow:{workflow}",
            )
        made, _ = Subscription.objects.get_or_create(
            topic=topic,
            name=actor or "",
            key="",
            key_from=each.key,
            where=each.where,
            defaults={"source": workflow},
        )
        kept.append(made.pk)
    Subscription.objects.filter(topic__project=project_id, source=workflow).exclude(pk__in=kept).delete()
    _refuse_many_rules(kept)


def _refuse_many_rules(subscriptions: list[int]) -> None:
    topics = Topic.objects.filter(subscriptions__in=subscriptions).values("pk")
    rules = Count("subscriptions", filter=Q(subscriptions__key=""))
    crowded = Topic.objects.filter(pk__in=topics).annotate(rules=rules).filter(rules__gt=MOST_RULES).first()
    if crowded is not None:
        message = (
            f"topic '{crowded.name}' has {MOST_RULES} rules already, and each message is held against all of them; "
            "let one rule give the keys of several actors"
        )
        raise SpecInvalid([Problem(None, "listens", message)])
