"""The list of trials of verifiers, below how good each of them is known to be."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, list_rights
from orchestration.admin.times import moment_column
from orchestration.admin.visible import mark_unseen
from orchestration.domain.rights import Right
from orchestration.domain.verdicts import Score
from orchestration.models import VerifierTrial
from orchestration.selectors.verifiers import VerifierRecord, list_verifier_records


@dataclass(frozen=True, slots=True)
class ScoreView:
    """Both rates in words."""

    false_pass: str
    false_fail: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """A verifier's record, ready to show."""

    agent: str
    asked: int
    passed: int
    people: ScoreView
    trials: ScoreView


@admin.register(VerifierTrial)
class VerifierTrialAdmin(ReadOnlyAdmin[VerifierTrial]):
    """Trials, the newest first."""

    empty_words: ClassVar[str] = (
        "No verifier was tried. A line appears when `manage.py probe_verifier` has measured one."
    )
    # Agents belong to no project. What people decided is counted from the person's own projects.
    project = ""
    list_display = (
        "agent",
        "agent_version",
        "expected",
        "said",
        "reasons_shown",
        moment_column("tried_at", "Tried at"),
    )
    list_filter = ("expected", "said")
    list_display_links = None
    search_fields = ("agent",)
    search_help_text = "Verifier"
    ordering = ("-id",)
    sortable_by = ()
    list_before_template = "admin/orchestration/verifier/records.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list below the records."""
        self.require_view(request)
        projects = [pk for pk, rights in list_rights(request).items() if Right.VIEW in rights]
        records = [_view(record) for record in list_verifier_records(project_ids=projects)]
        return super().changelist_view(request, {**(extra_context or {}), "records": records})

    @admin.display(description="reasons")
    def reasons_shown(self, trial: VerifierTrial) -> SafeString:
        """Return what it said, with nothing unseen in it."""
        return mark_unseen("; ".join(trial.reasons)[:200])


def _view(record: VerifierRecord) -> RecordView:
    return RecordView(
        agent=record.agent,
        asked=record.asked,
        passed=record.passed,
        people=_view_score(record.by_people),
        trials=_view_score(record.by_trials),
    )


def _view_score(score: Score) -> ScoreView:
    return ScoreView(
        false_pass=_say(score.bad_passed, score.bad_failed, score.false_pass_rate),
        false_fail=_say(score.good_failed, score.good_passed, score.false_fail_rate),
    )


def _say(wrong: int, right: int, rate: float | None) -> str:
    return "not known" if rate is None else f"{rate:.0%} ({wrong} of {wrong + right})"
