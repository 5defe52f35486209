"""Reading and arranging stored mail."""
