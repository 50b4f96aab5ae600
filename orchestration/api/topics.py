"""Topics: their schemas, and who hears them."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orchestration import actors
from orchestration.api.base import ApiView
from orchestration.api.bodies import SubscriptionBody, TopicBody
from orchestration.api.filters import TopicFilter
from orchestration.api.mail_rows import SubscriptionRow, TopicDetail, TopicRow
from orchestration.domain.rights import Right
from orchestration.errors import SubscriptionKept
from orchestration.models import Subscription, Topic
from orchestration.selectors.scope import find_project
from orchestration.selectors.topics import find_subscription, find_topic, list_subscribers, list_topics


class TopicList(ApiView):
    """All topics; making one."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.PUBLISH}
    queryset = Topic.objects.none()
    filterset_class = TopicFilter
    order: ClassVar[tuple[str, ...]] = ("name", "pk")

    @extend_schema(operation_id="list_topics", responses=TopicRow(many=True))
    def get(self, _request: Request) -> Response:
        """List topics by name."""
        return self.show_page(list_topics(self.caller), TopicRow)

    @extend_schema(operation_id="define_topic", request=TopicBody, responses={201: TopicDetail})
    def post(self, _request: Request) -> Response:
        """Make a topic, or give it another schema as a new version; the same schema changes nothing."""
        body = self.read_body(TopicBody)
        project = find_project(self.caller, body["project"], Right.PUBLISH)
        topic = actors.define_topic(
            body["name"],
            body["schema"],
            description=body["description"],
            force=body["force"],
            by=self.person,
            project=project.slug,
        )
        return Response(TopicDetail(find_topic(self.caller, topic.pk, Right.PUBLISH)).data, status=201)


class TopicView(ApiView):
    """One topic."""

    @extend_schema(operation_id="get_topic", responses=TopicDetail)
    def get(self, _request: Request, topic_id: int) -> Response:
        """Show a topic with the versions of its schema."""
        return Response(TopicDetail(find_topic(self.caller, topic_id)).data)


class TopicSubscriptions(ApiView):
    """Who hears a topic."""

    rights: ClassVar[dict[str, Right]] = {"POST": Right.PUBLISH}
    queryset = Subscription.objects.none()

    @extend_schema(operation_id="list_subscriptions", responses=SubscriptionRow(many=True))
    def get(self, _request: Request, topic_id: int) -> Response:
        """List who hears a topic: its members, and the rules that read from a message whom it is for."""
        topic = find_topic(self.caller, topic_id)
        return self.show_page(list_subscribers(topic.pk), SubscriptionRow)

    @extend_schema(operation_id="subscribe", request=SubscriptionBody, responses={201: SubscriptionRow})
    def post(self, _request: Request, topic_id: int) -> Response:
        """Let actors hear a topic: one by its key, or whichever a message says; once more it changes nothing."""
        body = self.read_body(SubscriptionBody)
        topic = find_topic(self.caller, topic_id, Right.PUBLISH)
        made = actors.subscribe(topic.name, **body, by=self.person, project=topic.project.slug)
        return Response(SubscriptionRow(made).data, status=201)


class SubscriptionView(ApiView):
    """One subscription."""

    rights: ClassVar[dict[str, Right]] = {"DELETE": Right.PUBLISH}

    @extend_schema(operation_id="unsubscribe", request=None, responses={204: None})
    def delete(self, _request: Request, subscription_id: int) -> Response:
        """Let nobody hear a topic by this any more; mailboxes keep what they have."""
        found = find_subscription(self.caller, subscription_id, Right.PUBLISH)
        if found.source:
            raise SubscriptionKept(
                f"the workflow '{found.source}' says that it listens; publish a version of it that does not"
            )
        actors.unsubscribe(found.pk)
        return Response(status=204)
