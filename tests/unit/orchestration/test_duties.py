"""What the maintainer can do, it does: a duty that nobody lists is never done, and its own tests do not see that."""

import inspect
from collections.abc import Callable
from types import ModuleType

from orchestration.maintenance import leader, mail, queues, rescuer, scheduler, throttling

_ROOMS = (mail, queues, rescuer, scheduler, throttling)
_OTHERWISE = {
    rescuer.ring_after_death,  # by the sweep itself, behind all others
    mail.deliver_all,  # for tests
}


def _find_duties(room: ModuleType) -> set[Callable[[], int]]:
    """Return the functions of a room that are called with nothing and say how much they did."""
    return {
        function
        for name, function in inspect.getmembers(room, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == room.__name__
        if not inspect.signature(function).parameters
        if inspect.signature(function).return_annotation in (int, "int")
    }


def test_each_duty_is_one_of_a_sweep() -> None:
    known = set().union(*map(_find_duties, _ROOMS))
    assert {scheduler.wake_due, mail.route_left} <= known
    assert known - _OTHERWISE == set(leader._DUTIES)
    assert len({duty.__name__ for duty in leader._DUTIES}) == len(leader._DUTIES)
