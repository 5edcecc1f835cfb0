"""Load, and the audit of what it left behind."""
