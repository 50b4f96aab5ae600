"""Publishing: a spec becomes a new, immutable version of a workflow; and what makes a workflow an actor's behaviour."""

from orchestration.publishing.behaviours import find_behaviour, take_over_listening
from orchestration.publishing.specs import (
    DEFAULT_PROJECT,
    Published,
    find_code_specs,
    find_or_publish_behaviours,
    publish,
    publish_code_specs,
    publish_code_topics,
    set_threshold,
)
from orchestration.publishing.topics import PublishedTopic, find_code_topics

__all__ = [
    "DEFAULT_PROJECT",
    "Published",
    "PublishedTopic",
    "find_behaviour",
    "find_code_specs",
    "find_code_topics",
    "find_or_publish_behaviours",
    "publish",
    "publish_code_specs",
    "publish_code_topics",
    "set_threshold",
    "take_over_listening",
]
