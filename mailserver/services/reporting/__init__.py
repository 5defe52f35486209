"""Telling other domains what became of mail in their name and to them, and hearing it from others."""
