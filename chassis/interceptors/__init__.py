"""What every call to a server passes through, one concern a module."""
