"""Refunds in the console, to look at."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from examples.assistant.models import Refund

if TYPE_CHECKING:
    # unfold ships no types; its classes are Django's with other templates.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin


@admin.register(Refund)
class RefundAdmin(ModelAdmin[Refund]):
    """What was paid back; a record, so nobody writes it by hand."""

    list_display = ["created_at", "customer", "order", "euro", "is_approved", "reason", "run_id"]
    list_filter = ["is_approved"]
    search_fields = ["customer", "order", "run_id"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only a call pays."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Refund | None = None) -> bool:
        """What was paid stays as it was paid."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Refund | None = None) -> bool:
        """A deleted record would let the same call pay again."""
        return False
