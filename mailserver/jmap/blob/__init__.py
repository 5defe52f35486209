"""Blob (RFC 8620 6.3, RFC 9404)."""
