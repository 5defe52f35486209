"""Whether the installation is well, and how to mend what is not."""
