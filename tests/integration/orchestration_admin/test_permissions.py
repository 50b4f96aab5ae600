import pytest
from django.test import Client

from orchestration.models import WorkerProcess, Workflow
from tests.integration.orchestration_admin.conftest import make_staff, text_of
from tests.integration.orchestration_admin.scenes import doubt, play_letter

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


def test_staff_without_the_permission_see_nothing(pages: list[str], visitor: Client) -> None:
    assert {page: visitor.get(page).status_code for page in pages} == dict.fromkeys(pages, 403)


def test_each_permission_opens_its_own_pages(pages: list[str]) -> None:
    client = Client()
    client.force_login(make_staff("wendy", "view_workerprocess"))
    seen = {page: client.get(page).status_code for page in pages}
    assert seen == {page: 200 if "/workerprocess/" in page else 403 for page in pages}


def test_every_page_opens_for_an_operator(pages: list[str], operator: Client) -> None:
    assert {page: operator.get(page, follow=True).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_who_may_not_see_tickets_gets_no_link_to_one(pages: list[str], operator: Client) -> None:
    client = Client()
    client.force_login(make_staff("rita", "view_run"))
    page = pages[2]
    assert "/admin/escalation/ticket/" not in text_of(client.get(page))
    assert "/admin/escalation/ticket/" in text_of(operator.get(page))


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
