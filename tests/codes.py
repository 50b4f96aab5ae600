"""Second factors of people in tests: an app's secret, and the codes of it."""

import base64
import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

KEY = "11" * 20
_SET_UP = "/admin/second-factor/set-up/"


def give_device(user: User, key: str = KEY) -> None:
    """Let somebody have an app already."""
    TOTPDevice.objects.create(user=user, name="app", key=key)


def sign_in_with_app(user: User) -> Client:
    """Return a browser in which somebody is signed in, and has shown a code of their app."""
    client = Client()
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.get(user=user).persistent_id
    session.save()
    return client


def code_now(key: str = KEY, steps: int = 0) -> str:
    """Return what an app shows, so many half minutes ahead."""
    return f"{totp(bytes.fromhex(key), t0=-30 * steps):06}"


def secret_of(page: Any) -> str:
    """Return the secret that a page shows, hexadecimal."""
    [shown] = re.findall(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page.content.decode())
    return base64.b32decode(shown.replace(" ", "")).hex()


def set_up(client: Client) -> str:
    """Set a second factor up as a browser does; return its secret."""
    page = client.get(_SET_UP)
    key = secret_of(page)
    form = {"factor_code": code_now(key), "csrfmiddlewaretoken": str(page.context["csrf_token"])}
    assert client.post(_SET_UP, form).status_code == 200
    return key
