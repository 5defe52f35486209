"""Mail of other programs: read from where they keep it, and written so that they can read it."""
