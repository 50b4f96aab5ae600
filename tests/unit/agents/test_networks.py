"""Which addresses are of the open internet."""

import pytest

from agents.domain.networks import is_listed, is_open, read_address, read_networks

_CLOSED = (
    "127.0.0.1",
    "0.0.0.0",  # noqa: S104 - to be closed
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "198.18.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd12::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)
_OPEN = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("text", _CLOSED)
def test_what_is_not_of_the_open_internet_is_closed(text: str) -> None:
    assert not is_open(read_address(text))


@pytest.mark.parametrize("text", _OPEN)
def test_what_is_of_the_open_internet_is_open(text: str) -> None:
    assert is_open(read_address(text))
    assert not is_listed(read_address(text), ())


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7"])
def test_a_listed_network_is_open_however_its_address_is_written(text: str) -> None:
    listed = read_networks(["10.1.0.0/16", "fd00::/64"])
    assert is_open(read_address(text), listed)
    assert is_listed(read_address(text), listed)
    assert not is_open(read_address("10.2.0.1"), listed)


@pytest.mark.parametrize("text", ["10.1.0.0/99", "10.1.2.3/16", "mail.local", ""])
def test_what_is_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is no network"):
        read_networks(["10.0.0.0/8", text])
