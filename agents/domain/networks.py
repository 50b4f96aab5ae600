"""Which addresses of the network may be spoken to: those of the open internet, and those that an operator listed."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")


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
    return address.is_global and not (address.is_multicast or address.is_reserved or is_old_local)
