"""Certificates from an authority that asks for proofs by itself (RFC 8555)."""
