"""Sieve: scripts parsed, checked and run over what is known of a message; what comes out is what is to be done."""
