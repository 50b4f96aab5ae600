"""`publish_workflows`: workflows and topics of the code become new versions where their content changed."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from agents.management.base import EngineCommand
from orchestration import runs
from orchestration.errors import SchemaBreaks, SpecInvalid
from orchestration.management.arguments import add_json_switch, add_project


class Command(EngineCommand):
    """Publish code-defined workflows and topics; all or nothing."""

    help = "Publish what every installed app's workflows.py defines; unchanged workflows and topics stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --dry-run, --force and --json."""
        parser.add_argument(
            "--dry-run", action="store_true", help="Show what would change, and who would feel it."
        )
        parser.add_argument(
            "--force", action="store_true", help="Although a topic's new schema may break subscribers."
        )
        add_project(parser, "Where to publish; made if it is new; `default` by default.", "default")
        add_json_switch(parser)

    def handle(
        self, *args: Any, dry_run: bool, force: bool, project: str, as_json: bool, **options: Any
    ) -> None:
        """Publish and say what was done, or would be."""
        try:
            changes = runs.compare_code_specs(project) if dry_run else []
            with transaction.atomic():
                topics = runs.publish_code_topics(project, force=force)
                published = runs.publish_code_specs(project)
                transaction.set_rollback(dry_run)
        except (SpecInvalid, SchemaBreaks) as error:
            raise CommandError(f"nothing was published:\n{error}") from error
        if as_json:
            self.stdout.write(json.dumps(_describe(published, changes, topics), indent=2))
            return
        word = "would be published" if dry_run else "published"
        for each in topics:
            self.stdout.write(
                f"topic {each.topic.name} v{each.version}: {word if each.is_new else 'unchanged'}"
            )
        told = {change.name: change for change in changes}
        for item in published:
            self.stdout.write(f"{item.workflow}: {word if item.is_new else 'unchanged'}")
            for line in _say(told[item.workflow.name]) if item.workflow.name in told else ():
                self.stdout.write(line)
        if not published and not topics:
            self.stdout.write(
                "no workflows found; put WorkflowSpec objects into an installed app's workflows.py"
            )


def _describe(
    published: list[runs.Published], changes: list[runs.Change], topics: list[runs.PublishedTopic]
) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {
            "name": one.workflow.name,
            "kind": "workflow",
            "version": one.workflow.version,
            "is_new": one.is_new,
        }
        for one in published
    ]
    for line, change in zip(lines, changes, strict=False):
        line |= {
            "change": change.kind,
            "diff": change.diff,
            "agents": [{"agent": agent.agent, "was": agent.was, "now": agent.now} for agent in change.agents],
            "waiting": change.waiting,
        }
    return lines + [
        {"name": each.topic.name, "kind": "topic", "version": each.version, "is_new": each.is_new}
        for each in topics
    ]


def _say(change: runs.Change) -> list[str]:
    """Return what a person should know before publishing this."""
    lines = [f"  {line}" for line in change.diff.splitlines()]
    lines += [
        f"  agent {agent.agent} performed steps as version {agent.was}, the code has {agent.now}"
        for agent in change.agents
    ]
    lines += [
        f"  live runs have {count} open steps for agent {agent}, which this code does not know: they will wait"
        for agent, count in change.waiting.items()
    ]
    return lines
