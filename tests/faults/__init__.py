"""Faults, kills and crashes under load, and the audit that finds nothing wrong afterwards."""
