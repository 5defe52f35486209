"""Mail arriving by SMTP: port 25 and submission."""
