"""SieveScript (RFC 9661)."""
