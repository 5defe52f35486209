"""Which certificates there should be, and when they are asked for."""
