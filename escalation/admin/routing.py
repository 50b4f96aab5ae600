"""The routing rules of projects, each with a preview of what it would change."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from escalation.admin.access import find_queues_of
from escalation.admin.row_forms import ONE_LINE
from escalation.domain.routing import MOST_RULES
from escalation.models import ReviewQueue, RoutingRule
from escalation.queues import Preview, describe_rule, list_beside, preview_routes, read_rule, record_change
from orchestration.admin.access import ScopedAdmin, caller_of, has_right
from orchestration.domain.rights import Right
from orchestration.selectors.scope import find_projects


class RuleForm(forms.ModelForm[RoutingRule]):
    """A rule. What is over the limit would be saved and never tried."""

    def clean(self) -> dict[str, Any]:
        """Refuse one more than are tried."""
        given = super().clean() or self.cleaned_data
        # Only of a new rule the project is asked for.
        project = given.get("project")
        if project is not None and RoutingRule.objects.filter(project=project).count() >= MOST_RULES:
            fault = f"It has {MOST_RULES} rules, and no more are tried: take one away, or let one say more."
            self.add_error("project", fault)
        return given


@admin.register(RoutingRule)
class RoutingRuleAdmin(ScopedAdmin[RoutingRule]):
    """Which ticket goes into which queue: the first rule that matches. Admins of a project change its own."""

    empty_words: ClassVar[str] = (
        "No rules yet: a queue named like a ticket's SLA class gets it, “default” all others. Add a rule to send some "
        "tickets elsewhere."
    )
    list_display = ("position", "named", "project", "asks", "queue_or_none")
    list_display_links = ("position", "named")
    list_select_related = ("project", "queue")
    list_filter_sheet = False
    ordering = ("project", "position", "pk")
    actions = None
    form = RuleForm
    formfield_overrides = ONE_LINE
    change_form_template = "admin/escalation/routingrule/change_form.html"
    fieldsets = (
        (None, {"fields": ("project", ("position", "name"), "queue", "tags")}),
        (
            "Which tickets; what is left empty matches all",
            {
                "fields": (
                    ("workflow", "step"),
                    ("agent", "rule"),
                    ("confidence_from", "confidence_to"),
                    "expression",
                )
            },
        ),
    )

    class Media:
        css = {"all": ("escalation/console.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let admins of a project make rules for it."""
        return has_right(request, Right.MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: RoutingRule | None = None) -> bool:
        """Let admins of its project change a rule."""
        return has_right(request, Right.MANAGE, obj.project_id if obj else None)

    def has_delete_permission(self, request: HttpRequest, obj: RoutingRule | None = None) -> bool:
        """Let admins of its project take a rule away."""
        return self.has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: RoutingRule | None = None) -> tuple[str, ...]:
        """Keep a rule in its project."""
        return ("project",) if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer what the person may choose from."""
        if db_field.name == "project":
            kwargs["queryset"] = find_projects(caller_of(request), Right.MANAGE)
        if db_field.name == "queue":
            managed = find_projects(caller_of(request), Right.MANAGE).order_by().values("pk")
            kwargs["queryset"] = ReviewQueue.objects.filter(project__in=managed).select_related("project")
            kwargs["required"] = True
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="Name")
    def named(self, rule: RoutingRule) -> str:
        """Return what tickets say they were routed by."""
        return rule.name or f"rule {rule.position}"

    @admin.display(description="Matches")
    def asks(self, rule: RoutingRule) -> str:
        """Return what it asks, in a line."""
        asked = [
            f"{name} {value}"
            for name in ("workflow", "step", "agent", "rule")
            if (value := getattr(rule, name))
        ]
        if rule.confidence_from is not None or rule.confidence_to is not None:
            asked.append(f"confidence {rule.confidence_from or 0:g} to {rule.confidence_to or 1:g}")
        asked += [rule.expression[:80]] if rule.expression else []
        return ", ".join(asked) or "everything"

    @admin.display(description="Goes to")
    def queue_or_none(self, rule: RoutingRule) -> str:
        """Return the queue; that it is gone, if it is."""
        return rule.queue.slug if rule.queue else "its queue is gone: the rule is passed over"

    def save_model(self, request: HttpRequest, obj: RoutingRule, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save, and tell what was changed."""
        before = describe_rule(RoutingRule.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        if others := list_beside(obj):
            messages.info(
                request,
                f"At position {obj.position} stand several rules: {', '.join(map(str, others))} too. The one that was "
                "made first is tried first; give this one another position to have it tried before or behind them.",
            )
        record_change(_person(request), obj.queue, f"routing rule {obj}", before, describe_rule(obj))

    def delete_model(self, request: HttpRequest, obj: RoutingRule) -> None:
        """Take a rule away, and tell what it said."""
        record_change(_person(request), obj.queue, f"routing rule {obj}", describe_rule(obj), {})
        super().delete_model(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Add the preview, which takes the form as it stands and saves nothing."""
        view = self.admin_site.admin_view(self.preview)
        return [path("preview/", view, name="escalation_routingrule_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Show what recent tickets would do under the rules as they stand in the form."""
        if request.method != "POST":
            return HttpResponseNotAllowed(("POST",))
        number = request.POST.get("rule_id", "")
        rule = self.get_object(request, number) if number else None
        may = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        if not may:
            raise PermissionDenied
        form = self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule)
        context = {
            **self.admin_site.each_context(request),
            "title": "Preview of a routing rule",
            "form": form,
            "preview": _preview(request, form.instance) if form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/escalation/routingrule/preview.html", context)


def _preview(request: HttpRequest, edited: RoutingRule) -> Preview:
    """Return what recent tickets would do if the project's rules were those saved, with this one in its place."""
    others = RoutingRule.objects.filter(project=edited.project_id).exclude(pk=edited.pk)
    rules = sorted([*others, edited], key=lambda rule: (rule.position, rule.pk or 2**63))
    queues = list(find_queues_of(request).filter(project=edited.project_id).values_list("pk", flat=True))
    return preview_routes(edited.project_id, [read_rule(rule) for rule in rules], queues)


def _person(request: HttpRequest) -> Any:
    return request.user
