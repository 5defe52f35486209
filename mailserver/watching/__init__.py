"""What the server counts and how full it is, told to Prometheus."""
