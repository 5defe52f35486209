"""Mail that moves in from elsewhere, and out."""
