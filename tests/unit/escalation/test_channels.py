"""Channels as an operator names them: what is read, and what is refused without repeating a secret."""

from typing import Any

import pytest

from escalation.domain.channels import ChannelKind, is_address, read_channels

_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_HOOK = {"kind": "webhook", "url": "https://hooks.example.org/desk", "secrets": [_SECRET]}


def test_channels_are_read() -> None:
    channels = read_channels(
        {
            "mail": {"kind": "mail", "to": ["a@example.org"], "sender": "desk@example.org"},
            "own-mail": {"kind": "mail", "for_people": True},
            "hook": _HOOK,
            "chat": {"kind": "apprise", "url": "slack://TokenA/TokenB/TokenC/#desk"},
            "teams": {"kind": "apprise", "url": "workflows://x.westeurope.logic.azure.com:443/a/b"},
        }
    )
    assert [(one.kind, one.for_people) for one in channels.values()] == [
        (ChannelKind.MAIL, True),
        (ChannelKind.MAIL, True),
        (ChannelKind.WEBHOOK, False),
        (ChannelKind.APPRISE, False),
        (ChannelKind.APPRISE, False),
    ]
    assert channels["hook"].secrets == (_SECRET,)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("mail", "it needs a 'kind': mail, webhook, apprise"),
        ({"kind": "pigeon"}, "it needs a 'kind'"),
        ({"kind": "mail", "to": ["a"]}, "'to' must list plain mail addresses"),
        ({"kind": "mail", "to": "a@example.org"}, "'to' must be a list of texts"),
        ({"kind": "mail", "sender": "a@example.org\r\nBcc: b@example.org"}, "'sender' must be one plain"),
        ({"kind": "mail", "for_people": False}, "it reaches nobody"),
        ({"kind": "mail", "url": "https://a.example"}, "a channel of kind mail has no url"),
        (_HOOK | {"url": "https://user:hidden@a.example/"}, "'url': an address may hold neither"),
        (_HOOK | {"url": "file:///etc/hidden"}, "'url': an address is needed"),
        (_HOOK | {"secrets": []}, "'secrets' must list one secret"),
        (_HOOK | {"secrets": [_SECRET] * 3}, "'secrets' must list one secret"),
        (_HOOK | {"secrets": ["whsec_hidden"]}, "'secrets' must list one secret"),
        (_HOOK | {"for_people": "yes"}, "'for_people' must be true or false"),
        ({"kind": "apprise", "url": "json://127.0.0.1/hidden"}, "'url' must be of a service"),
        ({"kind": "apprise", "url": "mailto://hidden"}, "'url' must be of a service"),
        ({"kind": "apprise", "url": "workflows://127.0.0.1/hidden"}, "the host must end in"),
        ({"kind": "apprise", "url": "workflows://a.logic.azure.com.evil.example/x"}, "the host must end in"),
        ({"kind": "apprise", "url": "slack://a/b/c/?verify=no"}, "'url' may not set redirect or verify"),
        ({"kind": "apprise", "url": "slack://a/b/c/?Redirect="}, "'url' may not set redirect or verify"),
        ({"kind": "apprise", "url": "slack://a/b/c", "for_people": True}, "a channel of kind apprise has no"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(options: Any, why: str) -> None:
    with pytest.raises(ValueError, match=r"^RINGMASTER\['CHANNELS'\]\['bad'\]: ") as refused:
        read_channels({"good": _HOOK, "bad": options})
    assert why in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "Mail", "a b", "x" * 61, "a\n"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(ValueError, match=r"a name has small letters"):
        read_channels({name: _HOOK})


def test_each_fault_has_a_line() -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_channels({"a": {}, "b": {}})
    assert len(str(refused.value).splitlines()) == 2
    with pytest.raises(ValueError, match=r"must map a name"):
        read_channels([])


@pytest.mark.parametrize("text", ["a@b", "first.last+x@mail.example.org"])
def test_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b",
        "a@",
        "a b@c",
        "a@b c",
        "a@b\n",
        "a\r@b",
        "<a@b>",
        "a@b,c@d",
        "ä@b",
        "a@b..c",
        "a\u202e@b",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert not is_address(text)
