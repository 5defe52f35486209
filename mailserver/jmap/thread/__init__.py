"""Thread (RFC 8621 3)."""
