"""Which addresses may be spoken to: those of the open internet, and those that an operator listed."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SECURE: Final = "https"
_NAT64 = IPv6Network("64:ff9b::/96")
# Special by the registry of such addresses, and global to the `ipaddress` of one or another Python that we run on.
_CLOSED: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "64:ff9b:1::/48")))


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return networks as an operator lists them: `10.1.0.0/16`, `fd00::/8`, or a single address.

    Raises: ValueError: naming the one that is none.
    """
    networks = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise ValueError(f"'{text[:60]}' is no network, such as 10.1.0.0/16: {error}") from None
    return tuple(networks)


def read_address(text: str) -> Address:
    """Return an address as the resolver gives it, the interface behind a link-local one left out."""
    return ip_address(text.partition("%")[0])


def is_listed(address: Address, allowed: Sequence[Network]) -> bool:
    """Tell whether an operator listed the address."""
    reached = _find_reached(address)
    return any(one in network for network in allowed for one in {address, reached})


def is_open(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """Tell whether an address may be spoken to."""
    return is_listed(address, allowed) or _is_public(_find_reached(address))


def _find_reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, where it is only another way to write or to reach it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    """Tell whether an address belongs to the open internet; `is_global` lets multicast and old local ones pass."""
    is_old_local = isinstance(address, IPv6Address) and address.is_site_local
    if is_old_local or any(address in network for network in _CLOSED):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def check_url(url: str) -> SplitResult:
    """Return the parts of an address that can be posted to.

    Raises: ValueError: saying what is wrong with it, without repeating what it may hold of secrets.
    """
    parts = urlsplit(url)
    if parts.scheme not in {SECURE, "http"} or not parts.hostname:
        raise ValueError("an address is needed such as https://hooks.example.org/desk")
    if parts.username is not None or parts.fragment:
        raise ValueError("an address may hold neither a user nor a fragment (#)")
    if any(ord(character) <= ord(" ") or ord(character) > ord("~") for character in url):
        raise ValueError("an address is written in plain letters, without spaces")
    parts.port  # noqa: B018 - reading it refuses what is no port
    return parts
