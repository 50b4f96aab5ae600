"""The board of breakers, a breaker's page, and the button that closes one."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from agents.admin.words import STATE_WORDS, describe_breaker, describe_seconds
from agents.admission import reset_breaker
from agents.admission.board import count_recent_calls, count_recent_failures
from agents.admission.clock import read_clock
from agents.conf import get_conf
from agents.domain.circuit import BreakerState
from agents.models import Breaker, BreakerEvent, CountedFailure

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

_PAGE = "admin:agents_breaker_change"
_MOST_EVENTS = 100
_MOST_FAILURES = 50


@admin.register(Breaker)
class BreakerAdmin(ModelAdmin[Breaker]):
    """Breakers by agent. The engine moves them; a person may close one."""

    empty_words: ClassVar[str] = (
        "No breaker has opened. One appears when an agent fails too often within a minute; which agents "
        "there are, `manage.py list_agents` says."
    )
    list_display = ("agent", "state_shown", "failures_now", "next_shown", "opened", "changed")
    list_filter = ("state",)
    list_filter_sheet = False
    list_fullwidth = True
    list_before_template = "admin/agents/breaker/failing.html"
    search_fields = ("agent",)
    search_help_text = "Agent"
    ordering = ("agent",)
    sortable_by = ()
    actions = None

    class Media:
        css = {"all": ("agents/console.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Breakers open by themselves."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Breaker | None = None) -> bool:
        """Breakers are closed, not deleted."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the button."""
        reset = self.admin_site.admin_view(require_POST(self.reset_view))
        return [path("<path:object_id>/reset/", reset, name="agents_breaker_reset"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list below the agents that fail at the moment."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        failing = [(agent, number) for agent, number in sorted(count_recent_failures().items()) if number]
        return super().changelist_view(request, {**(extra_context or {}), "failing": failing})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one breaker."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **_build_page(_get_or_404(object_id)),
            "reset_url": reverse("admin:agents_breaker_reset", args=(object_id,)),
            "may_reset": self.has_change_permission(request),
            "media": self.media,
            "subtitle": None,
        }
        return TemplateResponse(request, "admin/agents/breaker/page.html", context)

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close the breaker and return to its page."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        agent = _get_or_404(object_id).agent
        if reset_breaker(agent, by=request.user.get_username()):
            messages.success(request, f"The breaker of {agent} is closed; its steps go on.")
        else:
            messages.info(request, f"The breaker of {agent} was closed already.")
        return redirect(_PAGE, quote(agent))

    @admin.display(description="State")
    def state_shown(self, row: Breaker) -> SafeString:
        """Return the state as a coloured label."""
        return _chip(row.state)

    @admin.display(description="Failures that count")
    def failures_now(self, row: Breaker) -> str:
        """Return how many failures count now, and how many may."""
        calls, allowed = _weigh(row)
        failures = count_recent_failures([row.agent]).get(row.agent, 0)
        return f"{failures} of {max(calls, failures)} calls, opens above {allowed}"

    @admin.display(description="What is next")
    def next_shown(self, row: Breaker) -> str:
        """Return what the breaker does next."""
        return _describe(row)

    @admin.display(description="Opened last (UTC)")
    def opened(self, row: Breaker) -> SafeString:
        """Return when it opened last."""
        return format_html('<span class="rm-nowrap">{}</span>', f"{row.opened_at:%Y-%m-%d %H:%M:%S}")

    @admin.display(description="Changed (UTC)")
    def changed(self, row: Breaker) -> SafeString:
        """Return when it changed last."""
        return format_html('<span class="rm-nowrap">{}</span>', f"{row.changed_at:%Y-%m-%d %H:%M:%S}")


def _build_page(row: Breaker) -> dict[str, Any]:
    limits = get_conf().limits_of(row.agent)
    calls, allowed = _weigh(row)
    failures = count_recent_failures([row.agent]).get(row.agent, 0)
    return {
        "title": f"Breaker of {row.agent}",
        "breaker": row,
        "state": _chip(row.state),
        "sentence": _describe(row),
        "is_closed": row.state == BreakerState.CLOSED,
        "failures_now": failures,
        "calls_now": max(calls, failures),
        "allowed": allowed,
        "share": f"{limits.failure_share:.4g}",
        "limits": limits,
        "window": describe_seconds(limits.window_seconds),
        "pause": describe_seconds(row.pause_seconds or limits.pause_seconds),
        "events": [
            _view_event(event) for event in BreakerEvent.objects.filter(agent=row.agent)[:_MOST_EVENTS]
        ],
        "failures": CountedFailure.objects.filter(agent=row.agent, is_presumed=False).order_by("-at")[
            :_MOST_FAILURES
        ],
    }


def _view_event(event: BreakerEvent) -> dict[str, Any]:
    return {"row": event, "from": _chip(event.from_state), "to": _chip(event.to_state)}


def _describe(row: Breaker) -> str:
    probing = row.probe_token is not None
    return describe_breaker(BreakerState(row.state), row.until, read_clock(), is_probing=probing)


def _weigh(row: Breaker) -> tuple[int, int]:
    """Return the calls that failures are weighed against now, and how many failures those bear."""
    calls = count_recent_calls(row.agent, row, read_clock())
    return calls, get_conf().limits_of(row.agent).tolerate(calls)


def _chip(state: str) -> SafeString:
    return format_html('<span class="rm-chip rm-{}">{}</span>', state, STATE_WORDS[BreakerState(state)])


def _get_or_404(object_id: str) -> Breaker:
    agent = unquote(object_id)
    row = Breaker.objects.filter(agent=agent).first() if "\x00" not in agent else None
    if row is None:
        raise Http404("No breaker of this agent ever opened.")
    return row
