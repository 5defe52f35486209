"""What the server talks about: plain frozen values, no I/O."""
