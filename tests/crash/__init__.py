"""Kill the appliance again and again under load, and account for every message."""
