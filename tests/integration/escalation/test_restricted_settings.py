"""Whose the settings of a restricted review queue are: its own roles', in the console and in the API."""

from django.urls import reverse

from escalation.models import ReviewQueue
from tests.integration.escalation.buttons import sign_in, text_of
from tests.people import give_role, make_member


def test_of_a_restricted_queue_admins_of_its_project_know_only_that_it_exists(db: None) -> None:
    queue, person = (
        ReviewQueue.objects.get(slug="default", project__slug="default"),
        make_member("lena", "admin"),
    )
    lena = sign_in(person)
    ReviewQueue.objects.filter(pk=queue.pk).update(is_restricted=True)
    listed, address = reverse("admin:escalation_reviewqueue_changelist"), "/api/v1/queues/default/default"
    page = reverse("admin:escalation_reviewqueue_change", args=(queue.pk,))
    rows = text_of(lena.get(listed))
    assert ">Default<" in rows
    assert page not in rows
    history, deletion = (
        reverse(f"admin:escalation_reviewqueue_{what}", args=(queue.pk,)) for what in ("history", "delete")
    )
    for closed in (page, history, deletion, address, f"{address}/members"):
        assert lena.get(closed).status_code == 404, closed
    assert lena.post(page, {"name": "Ours"}).status_code == 404
    assert lena.get("/api/v1/queues").json()["results"] == []

    give_role(person, queue, "viewer")
    assert page in text_of(lena.get(listed))
    for opened in (page, address, f"{address}/members"):
        assert lena.get(opened).status_code == 200, opened
