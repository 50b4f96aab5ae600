"""The runs next to a run, as its page links to them."""

from dataclasses import dataclass

from orchestration.admin.addresses import run_url, step_url
from orchestration.models import Run
from orchestration.selectors.kin import RunName, find_kin


@dataclass(frozen=True, slots=True)
class RunLink:
    """A way to a run, and to the step of it that matters."""

    name: str
    url: str
    step: str
    step_url: str


@dataclass(frozen=True, slots=True)
class KinLinks:
    """Ways to the runs that a run came from or that came from it."""

    parent: RunLink | None
    root: RunLink | None
    origin: RunLink | None
    forks: list[RunLink]


def link_kin(run: Run) -> KinLinks:
    """Return the ways from a run to its kin."""
    kin = find_kin(run)
    return KinLinks(
        parent=link_run(kin.parent),
        root=link_run(kin.root),
        origin=link_run(kin.origin),
        forks=[link for fork in kin.forks if (link := link_run(fork))],
    )


def link_run(name: RunName | None) -> RunLink | None:
    """Return the way to a run; None to none."""
    if name is None:
        return None
    step = step_url(name.pk, name.step) if name.step else ""
    return RunLink(str(name), run_url(name.pk), name.step, step)
