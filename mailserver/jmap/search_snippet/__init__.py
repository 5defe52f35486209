"""SearchSnippet (RFC 8621 5)."""
