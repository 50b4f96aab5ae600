"""The pools: how full they are, who holds what, and their size."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.admin.words import describe_seconds
from agents.admission import find_rooms, set_pool_size
from agents.admission.clock import read_clock
from agents.domain.catalogue import catalogue
from agents.models import Pool, PoolSlot

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
    from django.forms import ModelForm
else:
    from unfold.admin import ModelAdmin

_MOST_HOLDERS = 200


@admin.register(Pool)
class PoolAdmin(ModelAdmin[Pool]):
    """Pools by name. The engine makes them; a person may set their size."""

    empty_words: ClassVar[str] = (
        "No pool is in use. One appears with the first step that takes a slot; the settings name the pools "
        "and their sizes."
    )
    list_display = ("name", "load", "set_by", "users", "holders_counted")
    list_fullwidth = True
    search_fields = ("name",)
    search_help_text = "Pool"
    ordering = ("name",)
    sortable_by = ()
    actions = None
    fields = ("name", "load", "size", "users", "holders")
    readonly_fields = ("name", "load", "users", "holders", "holders_unnamed")

    class Media:
        css = {"all": ("agents/console.css",)}

    def get_fields(self, request: HttpRequest, obj: Pool | None = None) -> list[Any]:
        """Name the holders, which may be of any project, only to whom Django's own permissions trust with pools."""
        is_trusted = ModelBackend().has_perm(request.user, "agents.view_pool")
        return [*self.fields[:-1], "holders" if is_trusted else "holders_unnamed"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A pool is there as soon as an agent asks for it, or the settings or `pools --set` name it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Pool | None = None) -> bool:
        """A pool that no agent asks for does no harm."""
        return False

    def save_model(self, request: HttpRequest, obj: Pool, form: "ModelForm[Pool]", change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Set the size, as the command does."""
        set_pool_size(obj.name, obj.size)

    @admin.display(description="Held")
    def load(self, pool: Pool) -> SafeString:
        """Return how much of it is held, as a bar and in figures."""
        room = find_rooms([pool.name])[pool.name]
        return format_html(
            '<span class="rm-nowrap"><progress class="rm-bar" max="{}" value="{}"></progress>{} of {}</span>',
            max(room.capacity, 1),
            min(room.held, room.capacity),
            room.held,
            room.capacity,
        )

    @admin.display(description="Size set by")
    def set_by(self, pool: Pool) -> str:
        """Return whether a person set its size."""
        return "settings" if pool.size is None else "a person"

    @admin.display(description="Agents")
    def users(self, pool: Pool) -> str:
        """Return the agents that ask for it, with how many slots each."""
        asking = [c for c in catalogue.contracts() if pool.name in c.pools]
        return ", ".join(f"{c.name} ({c.pools[pool.name]})" for c in asking) or "-"

    @admin.display(description="Holders")
    def holders_counted(self, pool: Pool) -> int:
        """Return how many steps hold some of it."""
        return PoolSlot.objects.filter(pool=pool).count()

    @admin.display(description="Holders")
    def holders(self, pool: Pool) -> SafeString:
        """Return who holds how much, and since when."""
        return _list_holders(pool, are_named=True)

    @admin.display(description="Holders")
    def holders_unnamed(self, pool: Pool) -> SafeString:
        """Return how much is held since when, without saying by whom."""
        return _list_holders(pool, are_named=False)


def _list_holders(pool: Pool, *, are_named: bool) -> SafeString:
    slots = list(PoolSlot.objects.filter(pool=pool)[:_MOST_HOLDERS])
    if not slots:
        return SafeString("Nobody.")
    now = read_clock()
    rows = format_html_join(
        "",
        '<tr><td>{}</td><td class="rm-number">{}</td><td class="rm-nowrap">{}</td></tr>',
        (
            (
                (slot.holder or f"step {slot.step}") if are_named else f"step {slot.step}",
                slot.amount,
                describe_seconds((now - slot.taken_at).total_seconds()),
            )
            for slot in slots
        ),
    )
    return format_html(
        '<table class="rm-table"><thead><tr><th>Step</th><th class="rm-number">Slots</th><th>For</th></tr></thead>'
        "<tbody>{}</tbody></table>",
        rows,
    )
