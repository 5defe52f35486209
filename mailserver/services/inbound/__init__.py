"""A message arriving from outside."""
