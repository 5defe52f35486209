"""Mail leaving by SMTP: due rows to remote servers."""
