"""The two REST faces, and what every installation answers beside them."""
