"""The console's site: Django's admin in unfold's look, which also looks for a second factor at its door."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from config.second_factor import pages
from config.second_factor.devices import has_device
from config.second_factor.door import find_half_known, lacks_second_factor

if TYPE_CHECKING:
    # unfold ships no types; its site is Django's with another look.
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class ConsoleSite(AdminSite):
    """What `admin.site` is."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in staff, also right after the sign-in only with all that they must show."""
        return super().has_permission(request) and not lacks_second_factor(request, request.user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask for name, password and code; lead whoever must set up a second factor to its page first."""
        half = find_half_known(request) if request.method == "GET" else None
        if half is not None and not has_device(half):
            query = request.GET.urlencode()
            return HttpResponseRedirect(
                f"{reverse('admin:second_factor_set_up')}{'?' if query else ''}{query}"
            )
        told = {**(extra_context or {}), "lacks_code": half is not None}
        return super().login(request, told)

    def extra_urls(self) -> list[URLPattern]:
        """Return the pages beside those of tables."""
        return [
            path("second-factor/", self.admin_view(pages.show_own), name="second_factor"),
            path("second-factor/set-up/", pages.set_up, name="second_factor_set_up"),
        ]
