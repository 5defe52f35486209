"""Mail server appliance: SMTP in, SMTP out, and HTTP APIs over one store."""

__version__ = "0.1.0"
