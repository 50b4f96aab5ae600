"""The list of actors, and the way to an actor's page and to the orders that people give it."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestration.admin.access import ReadOnlyAdmin, caller_of, find_by_number, has_right
from orchestration.admin.actors.orders import ORDERS, Order, give_order
from orchestration.admin.actors.page import build_actor_page
from orchestration.admin.actors.words import LIFE_TONES, count_up, describe_life
from orchestration.admin.addresses import actor_url, dead_letters_url
from orchestration.admin.chips import chip, show_age
from orchestration.admin.project_filter import ProjectFilter
from orchestration.admin.visible import mark_unseen
from orchestration.domain.http_status import STATUS_OF
from orchestration.domain.mail import Life
from orchestration.domain.rights import Right
from orchestration.errors import OrchestrationError
from orchestration.models import Actor
from orchestration.publishing import find_behaviour
from orchestration.selectors.actors import ActorWithLife, covers, list_actors, narrow_to_life
from orchestration.selectors.scope import scope_workflows


class LifeFilter(SimpleListFilter):
    """By how an actor stands."""

    title = "life"
    parameter_name = "life"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return how an actor can stand."""
        return [(life.value, life.value.capitalize()) for life in Life]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ActorWithLife]) -> QuerySet[ActorWithLife]:
        """Narrow the list."""
        life = self.value()
        return narrow_to_life(queryset, life) if life in list(Life) else queryset


class NameFilter(SimpleListFilter):
    """By behaviour: of those that are published."""

    title = "behaviour"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the published names."""
        published = scope_workflows(caller_of(request)).filter(actor__isnull=False)
        names = published.order_by("actor").values_list("actor", flat=True).distinct()
        return [(name, name) for name in names if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Actor]) -> QuerySet[Actor]:
        """Narrow the list."""
        name = self.value()
        return queryset.filter(name=name.replace("\x00", " ")) if name else queryset


@admin.register(Actor)
class ActorAdmin(ReadOnlyAdmin[Actor]):
    """Actors by address."""

    empty_words: ClassVar[str] = (
        "No actor of your projects has got a message. `actors.send` sends one to an actor, which makes it; what can be "
        "an actor is a workflow with `actor=`, under Workflows."
    )
    list_display = ("address_shown", "life_shown", "queued", "dead", "turns_shown", "last_turn", "project")
    list_display_links = ("address_shown",)
    list_filter = (LifeFilter, NameFilter, ProjectFilter)
    list_select_related = ("project",)
    search_fields = ("name",)
    search_help_text = "Address, its beginning, or a key"
    ordering = ("project", "name", "key")
    sortable_by = ()
    form_templates = frozenset({"actor/order.html"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Actor]:
        """Add how each does, and the time of reading."""
        return list_actors(caller_of(request)).annotate(read_at=Now())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Actor], search_term: str
    ) -> tuple[QuerySet[Actor], bool]:
        """Find by the beginning of an address, or by a key."""
        return (queryset.filter(covers(search_term)) if search_term.strip() else queryset), False

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that ask before an order is given."""
        order = self.admin_site.admin_view(self.order_view)
        return [
            path("<int:actor_id>/order/<slug:verb>/", order, name="orchestration_actor_order"),
            *super().get_urls(),
        ]

    def show_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one actor."""
        actor = self._find(request, object_id)
        return self.render_page(request, "actor/page.html", build_actor_page(request, actor))

    def order_view(self, request: HttpRequest, actor_id: int, verb: str) -> HttpResponse:
        """Ask whether to give an order; a POST gives it."""
        self.require_view(request)
        actor, order = self._find(request, str(actor_id)), ORDERS.get(verb)
        if order is None:
            raise Http404(f"Nobody can order an actor to {verb}.")
        if not has_right(request, Right.RUN, actor.project_id):
            raise PermissionDenied
        fault: OrchestrationError | None = None
        if request.method == "POST":
            try:
                give_order(request, actor, order)
            except OrchestrationError as error:
                fault = error
            else:
                messages.success(request, f"{actor.address}: {order.done}")
                return redirect(actor_url(actor.pk))
        status = STATUS_OF[fault.code] if fault else 200
        return self.render_page(
            request, "actor/order.html", _build_order(request, actor, order, fault), status=status
        )

    def _find(self, request: HttpRequest, object_id: str) -> ActorWithLife:
        """Return an actor that the viewer may see.

        Raises: Http404.
        """
        return find_by_number(list_actors(caller_of(request)), object_id, "actor")

    @admin.display(description="Address")
    def address_shown(self, actor: Actor) -> SafeString:
        """Return the address."""
        return format_html('<span class="rm-name">{}</span>', mark_unseen(actor.address))

    @admin.display(description="Life")
    def life_shown(self, actor: Any) -> SafeString:
        """Return how it stands."""
        return chip(LIFE_TONES[actor.life], actor.life)

    @admin.display(description="Queued")
    def queued(self, actor: Any) -> str:
        """Return how many messages wait."""
        return count_up(actor.queued)

    @admin.display(description="Dead letters")
    def dead(self, actor: Any) -> SafeString | str:
        """Return how many nobody will read, with a way to them."""
        if not actor.dead:
            return "0"
        return format_html('<a href="{}">{}</a>', dead_letters_url(actor.address), count_up(actor.dead))

    @admin.display(description="Turns")
    def turns_shown(self, actor: Actor) -> str:
        """Return how many turns it has begun."""
        return f"{actor.turns:,}"

    @admin.display(description="Last turn")
    def last_turn(self, actor: Any) -> SafeString | str:
        """Return how long ago its latest turn began."""
        began_at = actor.last_turn_at
        return format_html("{} ago", show_age(began_at, actor.read_at)) if began_at else "-"


def _build_order(
    request: HttpRequest, actor: ActorWithLife, order: Order, fault: OrchestrationError | None
) -> dict[str, Any]:
    behaves = find_behaviour(actor.project_id, actor.name) is not None
    return {
        "title": f"{order.label}: {actor.address}",
        "actor": actor,
        "actor_url": actor_url(actor.pk),
        "life": chip(LIFE_TONES[actor.life], actor.life),
        "tone": LIFE_TONES[actor.life],
        "sentence": describe_life(actor, has_behaviour=behaves),
        "order": order,
        "fault": mark_unseen(str(fault)) if fault else "",
        "given": request.POST.get("reason", ""),
    }
