"""Every address of this app below /api/v1/."""

from django.urls import path

from agents.api import views

urlpatterns = [
    path("agents", views.AgentList.as_view()),
    path("agents/<str:agent>", views.AgentView.as_view()),
]
