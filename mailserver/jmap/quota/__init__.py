"""Quota (RFC 9425)."""
