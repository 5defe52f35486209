"""The command line: every verb an operator types."""
