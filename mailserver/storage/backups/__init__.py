"""Whole copies of the data directory: taken beside a server that goes on, checked, and put back."""
