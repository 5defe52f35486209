"""What mail programs ask for to set themselves up."""
