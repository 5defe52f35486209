"""What a client asks for that keeps a copy of its mail: states, changes, and writes that say what they met."""
