import pytest
from django.test import Client

from orchestration.models import Project, Run, WorkerProcess, Workflow
from tests.integration.orchestration_admin.conftest import sign_in, text_of
from tests.integration.orchestration_admin.scenes import doubt, play_letter
from tests.people import make_member

pytestmark = pytest.mark.django_db
ROOT = "/admin/orchestration"


@pytest.fixture
def pages() -> list[str]:
    run = play_letter(writer=doubt).run
    workflow, process = Workflow.objects.get(), WorkerProcess.objects.get()
    return [
        f"{ROOT}/run/",
        f"{ROOT}/run/?q={run.pk}.{run.steps.get(key='draft').pk}.1",
        f"{ROOT}/run/{run.pk}/change/",
        f"{ROOT}/run/{run.pk}/change/?show=proof&verify=now",
        f"{ROOT}/run/{run.pk}/steps/draft/",
        f"{ROOT}/workflow/",
        f"{ROOT}/workflow/{workflow.pk}/change/",
        f"{ROOT}/workerprocess/",
        f"{ROOT}/workerprocess/{process.pk}/change/",
    ]


def test_strangers_are_sent_to_the_login(pages: list[str]) -> None:
    for page in pages:
        response = Client().get(page)
        assert (page, response.status_code) == (page, 302)
        assert response["Location"].startswith("/admin/login/")


def test_members_of_nothing_see_nothing(pages: list[str], visitor: Client) -> None:
    assert {page: visitor.get(page).status_code for page in pages} == dict.fromkeys(pages, 403)


def test_what_belongs_to_a_foreign_project_is_not_found(pages: list[str]) -> None:
    Project.objects.create(slug="other", name="Other")
    stranger = sign_in(make_member("stefan", "admin", "other"))
    run = Run.objects.get()
    for page in pages:
        answer = stranger.get(page)
        if page.endswith("/change/") or "/run/" in page.partition("?")[0].removesuffix("/run/"):
            is_shared = "/workerprocess/" in page
            assert (page, answer.status_code) == (page, 200 if is_shared else 404)
        else:
            assert (page, answer.status_code) == (page, 200)
        # What they asked for themselves stands in the search box again.
        asked = page.partition("?")[2]
        for told in {"letter", "draft", str(run.pk)} - {str(run.pk) if str(run.pk) in asked else ""}:
            # Whatever somebody may see, the sidebar has a place named so.
            words = text_of(answer).replace(page, "").replace("Dead letters", "")
            assert told not in words, f"{page} tells {told}"


def test_every_page_opens_for_an_operator(pages: list[str], operator: Client) -> None:
    assert {page: operator.get(page, follow=True).status_code for page in pages} == dict.fromkeys(pages, 200)


@pytest.mark.parametrize(
    "page",
    [
        "run/00000000-0000-4000-8000-000000000000/change/",
        "run/nonsense/change/",
        "run/00000000-0000-4000-8000-000000000000/steps/draft/",
        "workflow/0/change/",
        "workflow/99999999999999999999999/change/",
        "workflow/x/change/",
        "workerprocess/0/change/",
        "workerprocess/99999999999999999999999/change/",
        "workerprocess/-1/change/",
    ],
)
def test_what_is_not_there_is_not_found(page: str, operator: Client) -> None:
    assert operator.get(f"{ROOT}/{page}").status_code == 404
