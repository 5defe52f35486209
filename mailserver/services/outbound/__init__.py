"""A message leaving."""
