"""Folds large plans: steps that stand side by side, and straight chains, become one node each.

Pure. Two nodes stand side by side when they have the same predecessors and the same successors. Folding goes
on until the plan is small enough, so that a fan-out of chains becomes one node too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix

URGENCY = (
    "failed",
    "held",
    "retryable",
    "compensating",
    "running",
    "waiting",
    "available",
    "paused",
    "pending",
    "cancelled",
    "skipped",
    "succeeded",
    "planned",
)
"""Statuses, those first that a person must see first; `planned` is a step of a workflow, not of a run;
`paused` and `compensating` are child runs."""

Edges = frozenset[tuple[int, int]]
_BOX_CHARACTERS = 23
_DONE = ("succeeded", "skipped")
_UNTOLD = frozenset({"succeeded", "pending", "available", "planned"})
_MOST_PATTERNS = 2
# A tangle's boxes stand in a row: more of them are no picture but a strip that nobody scrolls along.
_MOST_BANDS = 8
_NUMBER = re.compile(r"\d+")
_TIMES = "\N{MULTIPLICATION SIGN}"
APART = frozenset({"failed", "held", "retryable"})
"""Statuses that need a person's eye: they are not folded with others."""


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step, or several that were folded into one.

    Attributes: note: what stands below the key.  href: where a click leads.
        keys: of all steps it stands for, in plan order.  counts: how many of them have which status.
        is_run: it is a child run, no step.  name: of a single step, where its place tells the rest of its key.
    """

    keys: tuple[str, ...]
    counts: Mapping[str, int]
    note: str = ""
    href: str = ""
    is_chain: bool = field(default=False)
    is_run: bool = field(default=False)
    name: str = field(default="")

    @property
    def status(self) -> str:
        """Return the most urgent status in it."""
        return min(self.counts, key=URGENCY.index)

    @property
    def short_label(self) -> str:
        """Return the label, cut in the middle where it is too long for a box."""
        label = self.label
        return label if len(label) <= _BOX_CHARACTERS else f"{label[:13]}…{label[13 - _BOX_CHARACTERS + 1 :]}"

    @property
    def label(self) -> str:
        """Return the name or the key, or what the keys have in common."""
        return self.name if self.name and len(self.keys) == 1 else self.full_label

    @property
    def full_label(self) -> str:
        """Return the key, or what the keys have in common."""
        if len(self.keys) == 1:
            return self.keys[0]
        if self.is_chain:
            return f"{self.keys[0]} … {self.keys[-1]}"
        # What all begin with is told; only what tells them apart becomes an asterisk.
        same = len(self.beginning)
        patterns = list(dict.fromkeys(key[:same] + _NUMBER.sub("*", key[same:]) for key in self.keys))
        shown = ", ".join(patterns[:_MOST_PATTERNS]) + (", …" if len(patterns) > _MOST_PATTERNS else "")
        return f"{len(self.keys):,} {_TIMES} {shown}"

    @property
    def beginning(self) -> str:
        """Return how all keys begin, up to a number; "" when they have no beginning in common."""
        # Character by character is what is wanted: keys are no paths.
        return commonprefix(self.keys).rstrip("0123456789")  # noqa: RUF071


def fold_plan(
    nodes: Sequence[PlanNode], edges: Iterable[tuple[int, int]], *, most: int, most_abreast: int
) -> tuple[list[PlanNode], Edges]:
    """Return the plan with wide fan-outs folded, then with everything folded as far as it takes.

    Steps that need a person's eye stay apart from the others, unless that leaves more than `most` nodes. A tangle
    that has neither fan-outs nor chains becomes a few nodes of several levels each, those who need an eye beside it.

    Args: edges: pairs of positions.  most: nodes that may be left.  most_abreast: so many, side by side.
    """
    links = frozenset(edges)
    for apart in (APART, frozenset[str]()):
        folded = _fold(list(nodes), links, apart, most, most_abreast)
        if len(folded[0]) <= most:
            return folded
    return _fold_levels(list(nodes), links, most)


def _fold(
    nodes: list[PlanNode], edges: Edges, apart: frozenset[str], most: int, most_abreast: int
) -> tuple[list[PlanNode], Edges]:
    before = -1
    nodes, edges = _merge(nodes, edges, _side_by_side(nodes, edges, apart, most_abreast), is_chain=False)
    while len(nodes) > most and len(nodes) != before:
        before = len(nodes)
        nodes, edges = _merge(nodes, edges, _side_by_side(nodes, edges, apart, 1), is_chain=False)
        if len(nodes) > most:
            nodes, edges = _merge(nodes, edges, _chains(nodes, edges, apart), is_chain=True)
            # Chains that became single nodes may stand side by side now.
            groups = _side_by_side(nodes, edges, apart, most_abreast)
            nodes, edges = _merge(nodes, edges, groups, is_chain=False)
    return nodes, edges


def _fold_levels(nodes: list[PlanNode], edges: Edges, most: int) -> tuple[list[PlanNode], Edges]:
    level_of = _find_levels(len(nodes), edges)
    troubled = [position for position, node in enumerate(nodes) if node.status in APART]
    apart = frozenset(level_of[position] for position in troubled)
    most_bands = min(_MOST_BANDS, most)
    if most_bands + 2 * len(apart) + len(troubled) > most:
        troubled, apart = [], frozenset()
    band_of = _band_levels(max(level_of, default=0) + 1, apart, most_bands)
    groups: dict[tuple[int, int], list[int]] = {}
    for position in range(len(nodes)):
        alone = position if position in troubled else -1
        groups.setdefault((band_of[level_of[position]], alone), []).append(position)
    return _merge(nodes, edges, [groups[key] for key in sorted(groups)], is_chain=False)


def _band_levels(levels: int, apart: frozenset[int], most: int) -> list[int]:
    """Return which levels are drawn as one, so that a reader sees the plan at a glance.

    Those in `apart` are not: in a band of several levels, a step apart might stand both before and behind them.
    """
    size = -(-levels // most)
    bands, band, filled = [], -1, size
    for level in range(levels):
        if filled == size or not apart.isdisjoint({level, level - 1}):
            band, filled = band + 1, 0
        filled += 1
        bands.append(band)
    return bands


def _find_levels(count: int, edges: Edges) -> list[int]:
    """Return how many nodes stand before each on the longest way to it."""
    before, after = _neighbours(count, edges)
    open_before = [len(ways) for ways in before]
    levels, ready = [0] * count, [position for position in range(count) if not before[position]]
    for position in ready:
        for target in after[position]:
            levels[target] = max(levels[target], levels[position] + 1)
            open_before[target] -= 1
            if not open_before[target]:
                ready.append(target)
    return levels


def _side_by_side(
    nodes: list[PlanNode], edges: Edges, apart: frozenset[str], most_abreast: int
) -> list[list[int]]:
    before, after = _neighbours(len(nodes), edges)
    groups: dict[tuple[frozenset[int], frozenset[int], str, bool], list[int]] = {}
    for position, node in enumerate(nodes):
        mark = node.status if node.status in apart else ""
        neighbours = (frozenset(before[position]), frozenset(after[position]))
        groups.setdefault((*neighbours, mark, node.is_run), []).append(position)
    return [
        part
        for group in groups.values()
        for part in ([group] if len(group) > most_abreast else [[position] for position in group])
    ]


def _chains(nodes: list[PlanNode], edges: Edges, apart: frozenset[str]) -> list[list[int]]:
    before, after = _neighbours(len(nodes), edges)

    def follows_alone(position: int) -> bool:
        if len(before[position]) != 1 or len(after[before[position][0]]) != 1:
            return False
        return apart.isdisjoint({nodes[position].status, nodes[before[position][0]].status})

    groups = []
    for head in (position for position in range(len(nodes)) if not follows_alone(position)):
        chain = [head]
        while len(after[chain[-1]]) == 1 and follows_alone(after[chain[-1]][0]):
            chain.append(after[chain[-1]][0])
        groups.append(chain)
    return groups


def _neighbours(count: int, edges: Edges) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in sorted(edges):
        after[source].append(target)
        before[target].append(source)
    return before, after


def _merge(
    nodes: list[PlanNode], edges: Edges, groups: list[list[int]], *, is_chain: bool
) -> tuple[list[PlanNode], Edges]:
    place = {position: new for new, group in enumerate(groups) for position in group}
    merged = [_join([nodes[position] for position in group], is_chain=is_chain) for group in groups]
    moved = {(place[source], place[target]) for source, target in edges}
    return merged, frozenset((source, target) for source, target in moved if source != target)


def _join(members: list[PlanNode], *, is_chain: bool) -> PlanNode:
    if len(members) == 1:
        return members[0]
    counts: dict[str, int] = {}
    for member in members:
        for status, number in member.counts.items():
            counts[status] = counts.get(status, 0) + number
    keys = tuple(key for member in members for key in member.keys)
    return PlanNode(keys, counts, note=say_counts(counts), is_chain=is_chain, is_run=members[0].is_run)


def say_counts(counts: Mapping[str, int]) -> str:
    """Return how several steps stand: `12 of 1,000 done, 1 held`; what just waits for its turn is the rest."""
    total = sum(counts.values())
    if len(counts) == 1:
        return f"{total:,} {next(iter(counts))}"
    done = sum(counts.get(status, 0) for status in _DONE)
    told = [
        f"{counts[status]:,} {status}" for status in URGENCY if status in counts and status not in _UNTOLD
    ]
    return ", ".join([f"{done:,} of {total:,} done", *told])
