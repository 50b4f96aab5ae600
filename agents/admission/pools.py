"""Pools as rows: slots are taken all or nothing, and belong to a claim by its token.

Whoever takes locks the pools in name order and only then reads who holds what, so two can't take the same slot.
Giving back locks no pool: it only makes room.
"""

from collections.abc import Callable, Collection, Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Sum

from agents.admission.clock import read_clock
from agents.conf import get_conf
from agents.domain.catalogue import catalogue
from agents.domain.contract import MAX_SLOTS, PoolNeeds, check_pool_name
from agents.domain.pools import Room, find_short
from agents.errors import PoolRefused
from agents.models import Pool, PoolSlot


def lock_pools(names: Collection[str]) -> dict[str, Room]:
    """Lock pools until the transaction ends and return the room in each; pools that nobody used yet are made.

    As long as the lock is held nobody else takes slots of them, so whoever holds it may choose who goes first.
    """
    wanted = sorted(names)
    sizes = _lock(wanted)
    if len(sizes) < len(wanted):
        Pool.objects.bulk_create(
            [Pool(name=name) for name in wanted if name not in sizes], ignore_conflicts=True
        )
        sizes = _lock(wanted)
    # A statement of its own: its snapshot is younger than the lock.
    return _measure(sizes)


def take_slots(needs: PoolNeeds, token: UUID, step_id: int, holder: str = "") -> list[str]:
    """Take what a claim needs, all or nothing, inside the transaction that writes the claim.

    If that transaction is rolled back, nothing was taken. If it commits, the claim holds its slots until its token
    changes: a trigger of the engine's gives them back in the same commit.

    Args: token: the claim's.  holder: run and step, in words, for the list of holders.
    Returns: the pools that have too few free slots; then nothing was taken. The caller rolls back or goes on without.
    """
    short = find_short(lock_pools(needs), needs)
    if short:
        return short
    now = read_clock()
    PoolSlot.objects.bulk_create(
        PoolSlot(pool_id=name, token=token, step=step_id, amount=amount, holder=holder[:250], taken_at=now)
        for name, amount in sorted(needs.items())
    )
    return []


def holds_slots(token: UUID, needs: PoolNeeds) -> bool:
    """Return whether a claim holds all it needs."""
    held = dict(PoolSlot.objects.filter(token=token).order_by().values_list("pool", "amount"))
    return all(held.get(name, 0) >= amount for name, amount in needs.items())


def give_back(token: UUID) -> int:
    """Free what a claim held; return how many slots. For claims that are gone; living ones do it by themselves."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_poolslot WHERE token = %s RETURNING amount", (token,))
        return sum(amount for (amount,) in cursor.fetchall())


def find_rooms(names: Iterable[str] | None = None) -> dict[str, Room]:
    """Return the room in pools, all of them unless named. Nothing is locked."""
    wanted = None if names is None else set(names)
    rows = Pool.objects.all() if wanted is None else Pool.objects.filter(name__in=wanted)
    known: dict[str, int | None] = dict(rows.values_list("name", "size"))
    unused = (wanted if wanted is not None else set(get_conf().POOLS)) - set(known)
    return _measure({**known, **dict.fromkeys(unused)})


def free_dead_slots(find_live: Callable[[Collection[UUID]], Collection[UUID]]) -> int:
    """Free what dead claims still hold; return how many claims that were.

    Args: find_live: gets tokens, returns those of claims that still live.
    """
    held = set(PoolSlot.objects.order_by().values_list("token", flat=True).distinct())
    # Asked after the tokens were read: a claim that commits in between is alive by then.
    dead = held.difference(find_live(held)) if held else set()
    for token in dead:
        give_back(token)
    return len(dead)


def make_known_pools() -> int:
    """Give every pool that an agent asks for, or that the settings name, its row; return how many that made.

    Taking slots would do so as well; but people want to see a pool, and size it, before it is first used.
    """
    wanted = {pool for contract in catalogue.contracts() for pool in contract.pools} | set(get_conf().POOLS)
    missing = (
        wanted.difference(Pool.objects.filter(name__in=wanted).values_list("name", flat=True))
        if wanted
        else ()
    )
    Pool.objects.bulk_create([Pool(name=name) for name in sorted(missing)], ignore_conflicts=True)
    return len(missing)


def set_pool_size(name: str, size: int | None) -> None:
    """Set how many slots a pool has; fewer than are held evicts nobody, it only lets nobody else in.

    Args: size: None goes back to what the settings say.
    Raises: PoolRefused: naming what is wrong.
    """
    if size is not None and not 0 <= size <= MAX_SLOTS:
        raise PoolRefused(f"size: {size} is not a number of slots; give 0 to {MAX_SLOTS}")
    check_pool_name("pool", name)
    with transaction.atomic():
        # Whoever takes slots right now does so by the size that it has locked.
        Pool.objects.update_or_create(name=name, defaults={"size": size})


def _lock(names: list[str]) -> dict[str, int | None]:
    pools = Pool.objects.select_for_update(no_key=True).filter(name__in=names).order_by("name")
    return dict(pools.values_list("name", "size"))


def _measure(sizes: dict[str, int | None]) -> dict[str, Room]:
    slots = PoolSlot.objects.filter(pool__in=list(sizes)).order_by().values_list("pool")
    held: dict[str, int] = dict(slots.annotate(Sum("amount")))
    conf = get_conf()
    return {
        name: Room(conf.capacity_of(name) if size is None else size, held.get(name, 0))
        for name, size in sizes.items()
    }
