"""Rules that act by themselves: alerts, and workflows inside the delivery of mail."""
