from escalation.domain.states import CLOSED, TICKET_EDGES, TicketStatus


def test_a_ticket_is_closed_once_and_never_opened_again() -> None:
    assert {origin for origin, _ in TICKET_EDGES} == {TicketStatus.OPEN}
    assert {target for _, target in TICKET_EDGES} == CLOSED == set(TicketStatus) - {TicketStatus.OPEN}
