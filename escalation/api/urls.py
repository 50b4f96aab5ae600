"""Every address of this app below /api/v1/."""

from django.urls import path

from escalation.api import (
    alike,
    assignment,
    audit,
    board,
    clock,
    comments,
    live,
    queue_parts,
    queues,
    routing,
    views,
)

urlpatterns = [
    path("audit", audit.AuditList.as_view()),
    path("queues/board", board.BoardView.as_view()),
    path("queues", queues.QueueList.as_view()),
    path("queues/<str:project>/<str:queue>", queues.QueueView.as_view()),
    path("queues/<str:project>/<str:queue>/targets", queue_parts.QueueTargets.as_view()),
    path("queues/<str:project>/<str:queue>/reason-codes", queue_parts.QueueReasons.as_view()),
    path("routing/<str:project>", routing.RoutingView.as_view()),
    path("routing/<str:project>/preview", routing.RoutingPreview.as_view()),
    path("tickets", views.TicketList.as_view()),
    path("tickets/claim-next", views.TicketClaimNext.as_view()),
    path("tickets/stream", live.TicketStream.as_view()),
    path("tickets/<int:ticket_id>/presence", live.TicketPresence.as_view()),
    path("tickets/<int:ticket_id>", views.TicketView.as_view()),
    path("tickets/<int:ticket_id>/claim", views.TicketClaim.as_view()),
    path("tickets/<int:ticket_id>/release", views.TicketRelease.as_view()),
    path("tickets/<int:ticket_id>/comments", comments.TicketComments.as_view()),
    path("tickets/<int:ticket_id>/alike", alike.TicketAlike.as_view()),
    path("tickets/<int:ticket_id>/alike/claim", alike.TicketAlikeClaim.as_view()),
    path("tickets/<int:ticket_id>/alike/resolve", alike.TicketAlikeResolve.as_view()),
    path("tickets/<int:ticket_id>/renew", assignment.TicketRenew.as_view()),
    path("tickets/<int:ticket_id>/assign", assignment.TicketAssign.as_view()),
    path("tickets/<int:ticket_id>/clock", clock.TicketClock.as_view()),
    path("tickets/<int:ticket_id>/pause", clock.TicketPause.as_view()),
    path("tickets/<int:ticket_id>/replan", clock.TicketReplan.as_view()),
    path("tickets/<int:ticket_id>/resume", clock.TicketResume.as_view()),
    path("tickets/<int:ticket_id>/snooze", clock.TicketSnooze.as_view()),
    path("tickets/<int:ticket_id>/wake", clock.TicketWake.as_view()),
    path("tickets/<int:ticket_id>/resolve", views.TicketResolve.as_view()),
]
