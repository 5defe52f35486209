"""What the server does. Async; one class per noun; no protocol, no HTTP, no SQL."""
