"""What speaks for and against a message before anybody reads it."""
