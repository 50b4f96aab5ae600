"""Topics and who hears them, for whoever looks: scoped. What was published: `mailboxes.py`."""

from typing import TYPE_CHECKING, TypedDict

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django_stubs_ext import WithAnnotations

from orchestration.domain.rights import Right
from orchestration.errors import SubscriptionNotFound, TopicNotFound
from orchestration.models import Subscription, Topic, TopicSchema
from orchestration.selectors.scope import Caller, require, scope_rows


class Audience(TypedDict):
    """What `with_audience` adds to a topic. `version`: of its latest schema; None: anything may be published."""

    version: int | None
    subscriber_count: int


if TYPE_CHECKING:
    TopicWithAudience = WithAnnotations[Topic, Audience]
else:
    TopicWithAudience = Topic


def list_topics(caller: Caller) -> QuerySet[Topic]:
    """Return the topics that somebody may see."""
    return scope_rows(caller, Topic.objects.select_related("project"))


def with_audience(topics: QuerySet[Topic]) -> QuerySet[TopicWithAudience]:
    """Add to topics their latest version and how many hear them; no query per row."""
    latest = TopicSchema.objects.filter(topic=OuterRef("pk")).order_by("-version").values("version")[:1]
    heard = Subscription.objects.filter(topic=OuterRef("pk")).order_by().values("topic")
    counted = heard.annotate(count=Count("pk")).values("count")
    return topics.annotate(
        version=Subquery(latest, output_field=IntegerField()),
        subscriber_count=Coalesce(Subquery(counted, output_field=IntegerField()), 0),
    )


def find_topic(caller: Caller, topic_id: int, right: Right = Right.VIEW) -> Topic:
    """Return a topic that the caller may see and do this with.

    Raises: TopicNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    found = list_topics(caller).filter(pk=topic_id).first()
    if found is None:
        raise TopicNotFound(f"no topic {topic_id}; the list of topics shows those you may see")
    require(caller, found.project, right)
    return found


def list_subscribers(topic_id: int) -> QuerySet[Subscription]:
    """Return who hears a topic: rules first, then members."""
    return Subscription.objects.filter(topic=topic_id).order_by("key", "name", "pk")


def find_subscription(caller: Caller, subscription_id: int, right: Right) -> Subscription:
    """Return a subscription that the caller may see and do this with.

    Raises: SubscriptionNotFound: there is none, or not for them.  RightMissing, ScopeMissing.
    """
    rows = scope_rows(caller, Subscription.objects.select_related("topic__project"), "topic__project")
    found = rows.filter(pk=subscription_id).first()
    if found is None:
        raise SubscriptionNotFound(
            f"no subscription {subscription_id}; the subscriptions of a topic show their ids"
        )
    require(caller, found.topic.project, right)
    return found
