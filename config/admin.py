"""Users and groups in the console's own look; what the apps show is theirs."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from escalation.models import ReviewerProfile
from escalation.queues import describe_profile, record_change, record_lost_roles

# Nothing is deleted by the hundred here. (The bar of bulk actions is also the one part of unfold's lists that
# needs an inline style, which the content security policy refuses.)
admin.site.disable_action("delete_selected")
# Devices have pages of their own: no table of secrets, and no row that is taken away without a line in the audit.
admin.site.unregister((TOTPDevice, StaticDevice))
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """People who sign in."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete an account; what it could take on at the desk goes with it, and that is told."""
        person: Any = request.user
        for profile in ReviewerProfile.objects.filter(user=obj):
            record_change(person, None, f"profile of {obj.get_username()}", describe_profile(profile), {})
        super().delete_model(request, obj)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """What people may do together."""

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete a group; its roles at review queues go with it, and that is told there."""
        person: Any = request.user
        record_lost_roles(person, obj)
        super().delete_model(request, obj)
