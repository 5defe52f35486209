"""Identity (RFC 8621 6)."""
