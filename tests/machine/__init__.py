"""The package on a machine to throw away, that boots systemd and loses its power."""
