"""What the fraud desk did, to look at."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from examples.fraud.models import CardAction, Case, ServiceCall

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
    from django.db.models import Model

    Admin = ModelAdmin[Model]
else:
    from unfold.admin import ModelAdmin as Admin


class RecordAdmin(Admin):
    """A record of what a step did; nobody writes it by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a step does it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """What was done stays as it was done."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """A deleted record would let the same key act again."""
        return False


@admin.register(CardAction)
class CardActionAdmin(RecordAdmin):
    """Cards blocked and unblocked."""

    list_display = ["created_at", "card", "kind", "reason", "run_id"]
    list_filter = ["kind"]
    search_fields = ["card", "run_id"]


@admin.register(Case)
class CaseAdmin(RecordAdmin):
    """Cases filed."""

    list_display = ["created_at", "payment", "score", "run_id"]
    search_fields = ["payment", "run_id"]


@admin.register(ServiceCall)
class ServiceCallAdmin(RecordAdmin):
    """Calls of the reputation service."""

    list_display = ["created_at", "payment", "was_answered"]
    list_filter = ["was_answered"]
