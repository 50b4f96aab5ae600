"""Which workflow is the behaviour of an actor's name, and the topics that it hears."""

from collections.abc import Iterable

from agents.domain.canonical import canonical_json
from orchestration.domain.receipts import digest_text
from orchestration.domain.spec_parts import Listen
from orchestration.models import Subscription, Topic, TopicSchema, Workflow


def find_behaviour(project_id: int, name: str) -> Workflow | None:
    """Return the newest version of the workflow that actors of a name behave by."""
    return Workflow.objects.filter(project_id=project_id, actor=name).order_by("-pk").first()


def take_over_listening(project_id: int, workflow: str, actor: str | None, listens: Iterable[Listen]) -> None:
    """Make the subscriptions of a workflow those that its spec names; topics that are new accept anything."""
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
