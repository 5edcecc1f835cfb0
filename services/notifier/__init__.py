"""The notifier: processes what the queue brings, and tells customers how their orders ended."""
