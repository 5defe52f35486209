"""What an inbox lets happen at delivery: Sieve scripts and absence notices."""
