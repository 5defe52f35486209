"""Clients that are told when something changes: streams of events, websockets, subscriptions (RFC 8620 7, RFC 8887)."""
