"""EmailSubmission (RFC 8621 7)."""
