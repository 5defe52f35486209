"""Mailbox (RFC 8621 2)."""
