"""Orders, from the first call to their end."""
