"""The console: the queue of tickets and the page on which one is decided."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from escalation.admin import clock_buttons, decisions, talk, together
from escalation.admin.access import DeskAdmin, has_desk_right, is_guest_at_desk, list_rights_at_desk
from escalation.admin.asking import build_abort_page
from escalation.admin.clock_buttons import lead_context
from escalation.admin.decisions import person_of
from escalation.admin.inbox import build_inbox, forget_view, keep_view
from escalation.admin.page import build_page, show_changes
from escalation.admin.refusals import tell_changed
from escalation.admin.returning import keep_from_loss, sign_in_again
from escalation.admin.whole import build_whole_page, download_part
from escalation.audit import record_seen
from escalation.domain.desk_rights import DeskRight
from escalation.domain.draft import Draft
from escalation.domain.inbox import read_query
from escalation.errors import AuditUnavailable, EscalationError, TicketNotFound
from escalation.escrow.clock import foresee_replan
from escalation.models import Ticket, read_clock
from escalation.selectors import find_ticket, find_withheld, get_ticket, may_at_ticket
from escalation.selectors.inbox import list_queues
from escalation.selectors.seats import list_votes, sit
from orchestration.admin.access import caller_of
from orchestration.domain.http_status import STATUS_OF
from orchestration.errors import OrchestrationError

_SIGNED_IN = "You are signed in again. What you typed stands below; look at it and press the button again."


@admin.register(Ticket)
class TicketAdmin(DeskAdmin[Ticket]):
    """Lists tickets in the inbox; shows one and what can be decided about it. Nothing else is editable."""

    empty_words: ClassVar[str] = (
        "Nothing waits for people. A ticket appears when an agent is unsure, a step fails or a workflow "
        "asks a person; those that are decided are under the filter “State”."
    )

    class Media:
        css = {"all": ("orchestration/picture.css", "escalation/console.css", "escalation/desk.css")}
        js = ("escalation/clock.js", "escalation/desk.js")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tickets are opened by the engine."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        """Let reviewers decide: of the ticket's review queue, or of any; and those to whom it was opened."""
        if has_desk_right(request, DeskRight.DECIDE, obj.queue_id if obj else None):
            return True
        if obj is None:
            return is_guest_at_desk(request)
        return may_at_ticket(caller_of(request), obj, DeskRight.DECIDE)

    def has_view_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        """Let in who may look at any; rows are found by their right."""
        return super().has_view_permission(request, obj) or is_guest_at_desk(request)

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        """Tickets are evidence."""
        return False

    @method_decorator(never_cache)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the inbox; with `?part=rows` its rows alone, which a live page puts in the place of its own."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = build_inbox(
            person_of(request),
            list_queues(caller_of(request)),
            read_query(request.GET),
            list_rights_at_desk(request),
        )
        words = {"title": "Inbox", "empty_words": self.empty_words, **(extra_context or {})}
        context |= {"may_decide": self.has_change_permission(request), **words}
        if request.GET.get("part") == "rows":
            return TemplateResponse(request, "admin/escalation/inbox/rows.html", context)
        frame = {**self.admin_site.each_context(request), "media": self.media, "subtitle": None}
        return TemplateResponse(request, "admin/escalation/inbox/page.html", {**frame, **context})

    def get_urls(self) -> list[URLPattern]:
        """Add the reviewer's buttons."""
        buttons: dict[str, Callable[..., HttpResponse]] = {
            "next/": decisions.claim_next,
            "views/keep/": keep_view,
            "views/forget/": forget_view,
            "<int:ticket_id>/claim/": decisions.claim,
            "<int:ticket_id>/release/": decisions.release,
            "<int:ticket_id>/draft/": decisions.keep_draft,
            "<int:ticket_id>/discard/": decisions.discard_draft,
            "<int:ticket_id>/abort/": self.ask_abort,
            "<int:ticket_id>/resolve/": decisions.resolve,
            "<int:ticket_id>/take-back/": decisions.take_back,
            "<int:ticket_id>/comment/": talk.comment,
            "<int:ticket_id>/snooze/": talk.snooze,
            "together/": together.choose_together,
            "<int:ticket_id>/together/": together.preview_together,
            "<int:ticket_id>/together/resolve/": together.resolve_together,
            "<int:ticket_id>/together/release/": together.release_together,
            "<int:ticket_id>/pause/": clock_buttons.pause,
            "<int:ticket_id>/resume/": clock_buttons.resume,
            "<int:ticket_id>/replan/": clock_buttons.replan,
            "<int:ticket_id>/assign/": clock_buttons.assign,
        }
        own = [
            path(
                route,
                keep_from_loss(self.admin_site.admin_view(self._guard(view))),
                name=f"escalation_ticket_{view.__name__}",
            )
            for route, view in buttons.items()
        ]
        again = path("<int:ticket_id>/again/", sign_in_again, name="escalation_ticket_again")
        whole = path(
            "<int:ticket_id>/whole/<slug:part>/",
            self.admin_site.admin_view(self.whole_view),
            name="escalation_ticket_whole",
        )
        alike = path(
            "<int:ticket_id>/alike/",
            self.admin_site.admin_view(self.alike_view),
            name="escalation_ticket_alike",
        )
        return [again, whole, alike, *own, *super().get_urls()]

    def _guard(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """Let only who may press a button, and answer a refusal with the page, the reason and the draft."""

        @wraps(view)
        def guarded(request: HttpRequest, **route: int) -> HttpResponse:
            if request.method != "POST":
                return self._say_button(request, route.get("ticket_id"))
            ticket = _get_or_404(request, route["ticket_id"]) if "ticket_id" in route else None
            if not self._may_press(request, view, ticket):
                raise PermissionDenied
            try:
                return view(request, **route)
            except (EscalationError, OrchestrationError) as error:
                if "ticket_id" in route:
                    return self._refuse(request, error, **route)
                messages.error(request, str(error))
                return redirect(decisions.LIST)

        return guarded

    def _may_press(
        self, request: HttpRequest, view: Callable[..., HttpResponse], ticket: Ticket | None
    ) -> bool:
        # What is listed how is everybody's own.
        if view in (keep_view, forget_view):
            return self.has_view_permission(request)
        # A queue's admins, who need not be its reviewers, plan anew: that button asks for their right itself.
        return view is clock_buttons.replan or self.has_change_permission(request, ticket)

    def _say_button(self, request: HttpRequest, ticket_id: int | None) -> HttpResponse:
        """Say that an address only takes a button, and where that is."""
        context = {"title": "This address takes a button only", "ticket_id": ticket_id}
        answer = self.show(request, "button.html", context, status=405)
        answer.headers["Allow"] = "POST"
        return answer

    def keep_typed(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Keep as the draft what somebody typed before they had to sign in again."""
        if not request.POST.get("claim_number"):
            return self._guard(self._give_comment_back)(request, ticket_id=ticket_id)
        answer = self._guard(decisions.keep_draft)(request, ticket_id=ticket_id)
        if answer.status_code == 302 and request.POST.get("snooze_reason", "").strip():
            return self.give_back(request, ticket_id, f"{_SIGNED_IN} Nothing was put off yet.", status=200)
        if answer.status_code == 302:
            messages.info(request, "You are signed in again. What you typed is kept; nothing was decided.")
        return answer

    def _give_comment_back(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        return self.give_back(request, ticket_id, f"{_SIGNED_IN} Your comment was not sent yet.", status=200)

    def give_back(
        self, request: HttpRequest, ticket_id: int, words: str, *, status: int = 403
    ) -> HttpResponse:
        """Answer with the page of the ticket and what was typed in it; nothing is done or kept."""
        ticket = _get_or_404(request, ticket_id)
        typed = decisions.read_draft(request, ticket) if request.POST.get("claim_number") else None
        is_editing = bool(decisions.find_typed(request, ticket))
        return self._render(request, ticket, draft=typed, is_editing=is_editing, refusal=words, status=status)

    def _refuse(self, request: HttpRequest, error: Exception, ticket_id: int) -> HttpResponse:
        ticket = _get_or_404(request, ticket_id)
        typed = decisions.read_draft(request, ticket) if request.POST.get("claim_number") else None
        status = STATUS_OF.get(getattr(error, "code", ""), 409)
        is_editing = bool(decisions.find_typed(request, ticket))
        return self._render(
            request,
            ticket,
            draft=typed,
            is_editing=is_editing,
            refusal=str(error),
            changed=tell_changed(error),
            status=status,
        )

    @method_decorator(never_cache)
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one ticket. Looking claims nothing."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._render(request, _get_or_404(request, object_id), is_editing="edit" in request.GET)

    @method_decorator(never_cache)
    def whole_view(self, request: HttpRequest, ticket_id: int, part: str) -> HttpResponse:
        """Show a part of a ticket whole, page by page; with `?download` as a file."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        if not self.has_view_permission(request):
            raise PermissionDenied
        ticket = _get_or_404(request, ticket_id)
        if part in find_withheld(ticket, request.user.pk):
            raise Http404(f"The {part} of ticket {ticket.pk} came from a restricted review queue.")
        try:
            record_seen(ticket, person_of(request))
        except AuditUnavailable as error:
            return self.hide(request, error)
        if "download" in request.GET:
            return download_part(ticket, part)
        return self.show(request, "whole.html", build_whole_page(request, ticket, part))

    @method_decorator(never_cache)
    def alike_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """List the tickets that could be decided together with one. Looking claims nothing."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(("GET", "HEAD"))
        ticket = _get_or_404(request, ticket_id)
        if not self.has_change_permission(request, ticket):
            raise PermissionDenied
        return self.show(request, "alike.html", together.build_alike_page(request, ticket))

    def ask_abort(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Keep what was typed, and say what aborting would do before anybody does it."""
        ticket = get_ticket(ticket_id)
        decisions.keep_what_was_typed(request, ticket)
        return self.show(request, "abort.html", build_abort_page(request, ticket))

    def _render(
        self,
        request: HttpRequest,
        ticket: Ticket,
        *,
        draft: Draft | None = None,
        is_editing: bool = False,
        refusal: str = "",
        changed: Sequence[tuple[str, str, str]] = (),
        status: int = 200,
    ) -> HttpResponse:
        try:
            record_seen(ticket, person_of(request))
        except AuditUnavailable as error:
            return self.hide(request, error)
        may_decide = self.has_change_permission(request, ticket)
        may_lead = has_desk_right(request, DeskRight.LEAD, ticket.queue_id)
        page = build_page(
            ticket,
            person_of(request),
            may_decide=may_decide,
            draft=draft,
            is_editing=is_editing,
            advances="next" in request.GET or "advance" in request.POST,
        )
        context = {
            **page,
            "title": f"Ticket {ticket.pk}",
            "refusal": refusal,
            "changed": changed,
            "compared": show_changes(decisions.compare_typed(request, ticket)) if refusal else [],
            "put_off_because": request.POST.get("snooze_reason", ""),
            "alike": together.count_alike(request, ticket) if may_decide else 0,
            "replanned": foresee_replan(ticket, read_clock())
            if has_desk_right(request, DeskRight.MANAGE, ticket.queue_id)
            else None,
            **lead_context(ticket, may_lead=may_lead),
            "votes": list_votes(ticket, person_of(request).pk, may_lead=may_lead),
            "unsaid": request.POST.get("comment", ""),
        }
        return self.show(request, "page.html", context, status=status)

    def hide(self, request: HttpRequest, error: AuditUnavailable) -> HttpResponse:
        """Say that nothing is shown, as it can't be written down who looks."""
        context = {"title": "This ticket can't be shown at the moment", "words": str(error)}
        return self.show(request, "unseen.html", context, status=503)

    def show(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """Answer with one of the desk's pages in the console's frame."""
        frame = {**self.admin_site.each_context(request), "media": self.media, "subtitle": None}
        return TemplateResponse(
            request, f"admin/escalation/ticket/{template}", {**frame, **context}, status=status
        )


def _get_or_404(request: HttpRequest, ticket_id: int | str) -> Ticket:
    try:
        return sit(find_ticket(caller_of(request), int(ticket_id)), person_of(request).pk)
    except (ValueError, TicketNotFound) as error:
        raise Http404(f"There is no ticket {ticket_id}.") from error
