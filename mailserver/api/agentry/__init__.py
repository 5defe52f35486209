"""The Agentry (AgentMail-compatible) API, /agent/v0: one file per page."""
