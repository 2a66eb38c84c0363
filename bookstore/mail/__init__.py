"""Mail: an outbox written with what causes it, and a sweep that sends it."""
