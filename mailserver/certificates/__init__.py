"""What this server proves itself with: certificates of the operator, of an ACME authority, and of its own."""
