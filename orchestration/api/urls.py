"""Every address of this app below /api/v1/. The matrix of permissions in the tests has a line for each."""

from django.urls import path

from orchestration.api import calls, control, health, projects, runs, stream, tokens, trace, workflows

urlpatterns = [
    path("projects", projects.ProjectList.as_view()),
    path("projects/<str:project>", projects.ProjectView.as_view()),
    path("workflows", workflows.WorkflowList.as_view()),
    path("workflows/validate", workflows.WorkflowValidation.as_view()),
    path("workflows/<str:workflow>/versions", workflows.VersionList.as_view()),
    path("workflows/<str:workflow>/versions/<int:version>", workflows.VersionView.as_view()),
    path("runs", runs.RunList.as_view()),
    path("runs/batch", runs.RunBatch.as_view()),
    path("runs/<uuid:run_id>", runs.RunView.as_view()),
    path("runs/<uuid:run_id>/plan", runs.RunPlan.as_view()),
    path("runs/<uuid:run_id>/wait", runs.RunWait.as_view()),
    path("runs/<uuid:run_id>/stream", stream.RunStream.as_view(), name="api-run-stream"),
    path("runs/<uuid:run_id>/cancel", control.RunCancel.as_view()),
    path("runs/<uuid:run_id>/finish", control.RunFinish.as_view()),
    path("runs/<uuid:run_id>/pause", control.RunPause.as_view()),
    path("runs/<uuid:run_id>/resume", control.RunResume.as_view()),
    path("runs/<uuid:run_id>/retry", control.RunRetry.as_view()),
    path("runs/<uuid:run_id>/fork", control.RunFork.as_view()),
    path("runs/<uuid:run_id>/steps", trace.StepList.as_view()),
    path("runs/<uuid:run_id>/attempts", trace.AttemptList.as_view()),
    path("runs/<uuid:run_id>/decisions", trace.DecisionList.as_view()),
    path("runs/<uuid:run_id>/handoffs", trace.HandoffList.as_view()),
    path("runs/<uuid:run_id>/calls", calls.RunCalls.as_view()),
    path("runs/<uuid:run_id>/events", trace.RunEventList.as_view()),
    path("steps/<int:step_id>", trace.StepView.as_view()),
    path("steps/<int:step_id>/calls", calls.StepCalls.as_view()),
    path("calls/<int:call_id>", calls.CallView.as_view()),
    path("events", trace.EventList.as_view()),
    path("agents/<str:agent>/health", health.AgentHealth.as_view()),
    path("tokens", tokens.TokenList.as_view()),
    path("tokens/<uuid:token_id>", tokens.TokenView.as_view()),
]
