"""The operator's door: verbs over a socket in the file system."""
