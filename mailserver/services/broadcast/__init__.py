"""Broadcasts: one message to everybody who has a label, each with their own."""
