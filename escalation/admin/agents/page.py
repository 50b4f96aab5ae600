"""The list of agents, an agent's page, and the button that takes a proposed threshold over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from agents.domain.classification import make_storable
from agents.selectors import find_contract, list_contracts
from escalation.admin.agents.curve import Meaning, draw_curve, explain, show_confidence
from escalation.admin.agents.standing import view_standing
from escalation.admin.board.charts import Chart
from escalation.domain.wish import DAYS, WISHED_ERROR, read_days, read_share
from escalation.learning import Calibration, calibrate_agent, list_judged_work
from escalation.learning.applying import apply_threshold
from escalation.models import AgentHour, read_clock
from orchestration.admin.access import ReadOnlyAdmin, caller_of, list_rights
from orchestration.domain.rights import Right
from orchestration.errors import OrchestrationError
from orchestration.selectors.offers import find_standing, list_standings
from orchestration.selectors.scope import find_projects

_PAGE: Final = "admin:escalation_agent"
_FIELDS: Final = ("project", "workflow", "step", "confidence", "before")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page was asked for.

    Attributes: percent, days: as they stand in the form.  faults: what could not be read, so that the usual counts.
    """

    error: float
    percent: str
    days: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkView:
    """One step at which people judged the agent, ready to show. Attributes: proposed: None without a proposal."""

    found: Calibration
    chart: Chart
    in_force: Meaning
    proposed: Meaning | None
    is_same: bool
    may_publish: bool


@admin.register(AgentHour)
class AgentAdmin(ReadOnlyAdmin[AgentHour]):
    """Agents, and what their confidence is worth. They are pages, not lists of rows."""

    empty_words: ClassVar[str] = "No agent is known here, and none has worked."

    class Media:
        css: ClassVar[dict[str, Any]] = {"all": ("escalation/console.css", "escalation/board.css")}

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of one agent."""
        wrap: Callable[..., Any] = self.admin_site.admin_view
        own = [
            path("agent/<str:agent>/", wrap(self.show_agent), name="escalation_agent"),
            path("agent/<str:agent>/threshold/", wrap(self.take_over), name="escalation_agent_threshold"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List the agents that are known here or have worked."""
        self.require_view(request)
        return self._answer(request, "list", title="Agents", agents=_list_agents(request), days=DAYS)

    def show_agent(self, request: HttpRequest, agent: str) -> HttpResponse:
        """Show what an agent's confidence is worth at each step at which people judged it."""
        self.require_view(request)
        wish = _read_wish(request.GET)
        since = read_clock() - timedelta(days=wish.days)
        found = calibrate_agent(agent, since, wish.error, _see(request))
        contract = find_contract(agent)
        if contract is None and not found and agent not in {row["agent"] for row in _list_agents(request)}:
            raise Http404(f"There is no agent {agent}.")
        may = set(find_projects(caller_of(request), Right.PUBLISH).values_list("slug", flat=True))
        return self._answer(
            request,
            "page",
            title=agent,
            agent=agent,
            contract=contract,
            wish=wish,
            standing=view_standing(find_standing(agent)),
            works=[_view(one, may_publish=one.work.project in may) for one in found],
        )

    def take_over(self, request: HttpRequest, agent: str) -> HttpResponse:
        """Ask, and then publish a workflow with the threshold of the form."""
        self.require_view(request)
        if request.method != "POST":
            return redirect(_PAGE, agent)
        names = {name: make_storable(request.POST.get(name, "")) for name in _FIELDS}
        confidence = _read_confidence(request.POST)
        if not find_projects(caller_of(request), Right.PUBLISH).filter(slug=names["project"]).exists():
            raise PermissionDenied
        if confidence is None:
            messages.error(
                request, "confidence: give a number from 0 to 1, as the page does. Nothing was published."
            )
        elif "confirmed" in request.POST:
            _apply(request, names, confidence)
        else:
            return self._answer(
                request,
                "confirm",
                title=f"Take over a threshold of {names['workflow']}?",
                agent=agent,
                fields=names,
                confidence=show_confidence(confidence),
            )
        return redirect(_PAGE, agent)

    def _answer(self, request: HttpRequest, page: str, **context: Any) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "media": self.media, "subtitle": None}
        return TemplateResponse(request, f"admin/escalation/agent/{page}.html", {**frame, **context})


def _apply(request: HttpRequest, names: Mapping[str, str], confidence: float) -> None:
    """Publish, and say what was done."""
    project, workflow, step = (names[name] for name in ("project", "workflow", "step"))
    try:
        applied = apply_threshold(project, workflow, step, confidence, cast("User", request.user))
    except OrchestrationError as error:
        messages.error(request, f"{error} Nothing was published.")
        return
    words = f"Version {applied.version} of {workflow} accepts {step} from {show_confidence(confidence)} on."
    if not applied.is_new:
        words = f"The latest version of {workflow} says so already; nothing was published."
    messages.success(request, words)
    if applied.is_in_code:
        messages.warning(
            request,
            f"{workflow} is defined in code too: set min_confidence={confidence:g} there, or the next "
            "publish_workflows undoes this.",
        )


def _see(request: HttpRequest) -> list[int]:
    """Return the ids of the projects of which the person may see the figures."""
    return [pk for pk, rights in list_rights(request).items() if Right.VIEW in rights]


def _list_agents(request: HttpRequest) -> list[dict[str, Any]]:
    projects, since = _see(request), read_clock() - timedelta(days=DAYS)
    hours = AgentHour.objects.filter(project__in=projects, hour__gte=since).order_by()
    worked = dict(hours.values_list("agent").annotate(total=Sum("attempts")))
    judged = {work.agent for work in list_judged_work(since, projects)}
    known = {contract.name: contract.description for contract in list_contracts()}
    standings = {standing.name: view_standing(standing) for standing in list_standings()}
    return [
        {
            "agent": name,
            "standing": standings.get(name),
            "description": known.get(name, ""),
            "attempts": worked.get(name, 0),
            "is_judged": name in judged,
            "url": reverse(_PAGE, args=(name,)),
        }
        for name in sorted({*known, *worked, *judged, *standings} - {""})
    ]


def _view(found: Calibration, *, may_publish: bool) -> WorkView:
    proposed = found.proposed
    return WorkView(
        found,
        draw_curve(found),
        explain(found.in_force, found.now),
        explain(proposed.confidence, proposed) if proposed else None,
        is_same=proposed is not None and proposed.confidence == found.in_force,
        may_publish=may_publish,
    )


def _read_wish(query: QueryDict) -> Wish:
    """Return the wish; what can't be read is named, and the usual one counts."""
    faults = []
    percent, days = query.get("error", "") or f"{WISHED_ERROR * 100:g}", query.get("days", "") or str(DAYS)
    try:
        error = read_share(str(float(percent) / 100))
    except ValueError:
        faults.append(f"Wished error: '{percent[:40]}' is no percentage above 0 and below 100, such as 5.")
        error, percent = WISHED_ERROR, f"{WISHED_ERROR * 100:g}"
    try:
        length = read_days(days)
    except ValueError as fault:
        faults.append(f"Days: {fault}.")
        length = DAYS
    return Wish(error, percent, length, tuple(faults))


def _read_confidence(form: QueryDict) -> float | None:
    try:
        confidence = float(form.get("confidence", ""))
    except ValueError:
        return None
    return confidence if 0 <= confidence <= 1 else None
