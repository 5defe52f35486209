"""What an operator may set: file, environment and flags become one frozen configuration."""
