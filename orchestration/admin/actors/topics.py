"""The list of topics, and a topic's page: versions of its schema, who hears it, what was published last."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number
from orchestration.admin.actors.lines import view_messages
from orchestration.admin.addresses import mail_url
from orchestration.admin.chips import show_age
from orchestration.admin.project_filter import ProjectFilter
from orchestration.admin.visible import mark_unseen, show_json
from orchestration.domain.topic_changes import find_breaking_changes
from orchestration.models import Subscription, Topic, TopicSchema
from orchestration.selectors.mailboxes import list_published
from orchestration.selectors.topics import list_subscribers, list_topics, with_audience

_MOST_VERSIONS = 20
_MOST_SUBSCRIBERS = 100
_MOST_MESSAGES = 20
_MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a topic's schema. `changes`: what a reader of the one before would notice."""

    row: TopicSchema
    text: SafeString
    is_first: bool
    changes: list[SafeString]


@dataclass(frozen=True, slots=True)
class SubscriberView:
    """Who hears a topic."""

    row: Subscription
    who: SafeString
    rule: SafeString
    source: SafeString


@admin.register(Topic)
class TopicAdmin(ReadOnlyAdmin[Topic]):
    """Topics by name."""

    empty_words: ClassVar[str] = (
        "There is no topic in your projects. `actors.define_topic` makes one with a schema; a workflow that listens to "
        "one makes it when it is published."
    )
    list_display = ("name_shown", "version_shown", "subscribers", "messages_link", "made", "project")
    list_display_links = ("name_shown",)
    list_filter = (ProjectFilter,)
    list_select_related = ("project",)
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("name", "project")
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        """Add the latest version, how many hear it, and the time of reading."""
        return with_audience(list_topics(caller_of(request))).annotate(read_at=Now())

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one topic."""
        found = find_by_number(list_topics(caller_of(request)), object_id, "topic")
        return self.render_page(request, "topic/page.html", _build_page(request, found))

    @admin.display(description="Topic")
    def name_shown(self, topic: Topic) -> SafeString:
        """Return the name."""
        return format_html('<span class="rm-name">{}</span>', topic.name)

    @admin.display(description="Schema")
    def version_shown(self, topic: Any) -> str:
        """Return the latest version of its schema."""
        return f"v{topic.version}" if topic.version else "-"

    @admin.display(description="Subscribers")
    def subscribers(self, topic: Any) -> str:
        """Return how many subscriptions there are."""
        return f"{topic.subscriber_count:,}"

    @admin.display(description="Messages")
    def messages_link(self, topic: Topic) -> SafeString:
        """Return the way to what was published."""
        return format_html('<a href="{}">show</a>', mail_url(topic=topic.name))

    @admin.display(description="Made")
    def made(self, topic: Any) -> SafeString:
        """Return how long there has been one."""
        return format_html("{} ago", show_age(topic.made_at, topic.read_at))


def _build_page(request: HttpRequest, topic: Topic) -> dict[str, Any]:
    versions = list(topic.schemas.all()[: _MOST_VERSIONS + 1])
    heard = list(list_subscribers(topic.pk)[: _MOST_SUBSCRIBERS + 1])
    return {
        "title": topic.name,
        "topic": topic,
        "description": mark_unseen(topic.description),
        "versions": _view_versions(versions)[:_MOST_VERSIONS],
        "subscribers": [_view_subscriber(each) for each in heard[:_MOST_SUBSCRIBERS]],
        "has_more_subscribers": len(heard) > _MOST_SUBSCRIBERS,
        "published": view_messages(
            list(list_published(topic.pk)[:_MOST_MESSAGES]), caller_of(request).user_id
        ),
        "mail_url": mail_url(topic=topic.name),
    }


def _view_versions(rows: list[TopicSchema]) -> list[VersionView]:
    """Return versions, each beside the one before it, which stands behind it."""
    views = []
    for place, row in enumerate(rows):
        before = rows[place + 1] if place + 1 < len(rows) else None
        changes = (
            find_breaking_changes(json.loads(before.schema_json), json.loads(row.schema_json))
            if before
            else []
        )
        views.append(
            VersionView(
                row=row,
                text=show_json(row.schema_json),
                is_first=row.version == 1,
                changes=[mark_unseen(change) for change in changes[:_MOST_CHANGES]],
            )
        )
    return views


def _view_subscriber(row: Subscription) -> SubscriberView:
    if row.key:
        who, rule = f"{row.name}/{row.key}", "everything that is published"
    else:
        who = f"{row.name}/…"
        rule = f"key from {row.key_from}" + (f", where {row.where}" if row.where else "")
    source = f"workflow {row.source}" if row.source else f"by {row.made_by or 'code'}"
    return SubscriberView(row, mark_unseen(who), mark_unseen(rule), mark_unseen(source))
