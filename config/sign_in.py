"""The console's sign-in: password, and a code where a second factor is set up; with a brake on tries.

The brake counts per name and address, and, far looser, per address.
An attacker stops themselves, at their own address; nobody elsewhere is locked out by them. A try is written before the
password is looked at, so that a hundred at once are a hundred, and taken back when password and code were right.
"""

import ipaddress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice
from rest_framework.throttling import BaseThrottle
from unfold.widgets import UnfoldAdminTextInputWidget

from config.models import SignInTry
from config.second_factor.devices import CodeRefused, has_device, verify_code
from config.second_factor.policy import is_on
from escalation.audit import record
from escalation.domain.acts import Act

if TYPE_CHECKING:
    # unfold ships no types; its form is Django's with other widgets.
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
else:
    from unfold.forms import AuthenticationForm

_IPV6_PREFIX = 64


class SignInForm(AuthenticationForm):
    """Asks the brake before the password is looked at, and for the code of whoever has set a second factor up."""

    factor_code = forms.CharField(
        label="Code",
        required=False,
        max_length=40,
        help_text="If you have set up a second factor: what your authenticator app shows, or a recovery code.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for no code while nobody is asked for one."""
        super().__init__(*args, **kwargs)
        if not is_on():
            del self.fields["factor_code"]

    def clean(self) -> dict[str, Any]:
        """Count the try, look at the password and the code, and forget the tries of whoever knew both.

        Raises: ValidationError: too many tries; name and password are of nobody; or the code is not right.
        """
        username = self.cleaned_data.get("username")
        if username is None or self.request is None or "password" not in self.cleaned_data:
            return super().clean()
        person, address = hash_name(username), find_address(self.request)
        count_try(person, address)
        cleaned = super().clean()
        if is_on():
            self._show_second_factor(self.get_user(), cleaned.get("factor_code", ""))
        forget_tries(person, address)
        return cleaned

    def _show_second_factor(self, user: User, code: str) -> None:
        if not has_device(user):
            return  # who needs one is led to set it up, and is nobody until then
        if not code:
            raise ValidationError({"factor_code": "Enter your password again, and the code of your app."})
        try:
            # django-otp keeps it in the session as soon as that is this person's.
            user.otp_device = verify_code(user, code)  # type: ignore[attr-defined]
        except CodeRefused as error:
            record(Act.REFUSED, user, what="second factor")
            raise ValidationError({"factor_code": str(error)}) from None
        if isinstance(user.otp_device, StaticDevice):  # type: ignore[attr-defined]
            record(Act.RECOVERED, user)


def count_try(person: str, address: str) -> None:
    """Write a try down, unless there were too many.

    Raises: ValidationError: says when the next is possible.
    """
    window = timedelta(seconds=settings.SIGN_IN_SECONDS)
    SignInTry.objects.filter(tried_at__lt=Now() - window).delete()
    tried = SignInTry.objects.create(person=person, address=address)
    # Of tries at once the one committed last sees all others: no more pass than may.
    recent = SignInTry.objects.filter(address=address)
    told = recent.aggregate(all=Count("id"), own=Count("id", filter=Q(person=person)))
    if told["own"] <= settings.SIGN_IN_TRIES and told["all"] <= settings.SIGN_IN_ADDRESS_TRIES:
        return
    # A refused try is not counted: else who keeps asking would never be let in again.
    tried.delete()
    minutes = -(-settings.SIGN_IN_SECONDS // 60)
    raise ValidationError(
        f"Too many tries from your address. Nothing was looked at; try again in {minutes} minutes, or ask an "
        "administrator for a new password.",
        code="too_many_tries",
    )


def forget_tries(person: str, address: str) -> None:
    """Forget the tries of whoever turned out to be right."""
    SignInTry.objects.filter(person=person, address=address).delete()


def hash_name(username: str) -> str:
    """Return what stands for a name; upper and lower case are one."""
    return salted_hmac("config.sign_in", username.casefold(), algorithm="sha256").hexdigest()


def find_address(request: HttpRequest) -> str:
    """Return where a request comes from, as the API tells it; of IPv6 the network, as one's own are many."""
    address = str(BaseThrottle().get_ident(request) or "")  # type: ignore[arg-type]  # takes Django's requests too
    try:
        is_long = ipaddress.ip_address(address).version == 6
    except ValueError:
        return address[:64]
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)) if is_long else address
