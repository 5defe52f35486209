"""Who exists and who may do what."""
