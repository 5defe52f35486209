"""VacationResponse (RFC 8621 8)."""
