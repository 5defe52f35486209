"""Setting a machine up, and seeing whether it still is as it was set up."""
