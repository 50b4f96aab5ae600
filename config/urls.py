"""What the web process answers: the console and the API."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from escalation.admin import show_board
from orchestration.api import problems, schema

admin.autodiscover()  # see config/console.py

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/board/", admin.site.admin_view(show_board), name="board"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("orchestration.api.urls")),
    path("api/v1/", include("escalation.api.urls")),
    path("api/v1/", include("agents.api.urls")),
    path("api/v1/", include("config.second_factor.urls")),
    path("api/schema", schema.SchemaView.as_view(), name="api-schema"),
    path("api/docs", schema.show_docs, name="api-docs"),
    re_path(r"^api(?:/|$)", problems.answer_unknown),
]

handler400 = problems.answer_400
handler403 = problems.answer_403
handler404 = problems.answer_404
handler500 = problems.answer_500
