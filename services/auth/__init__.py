"""Auth: accounts, sessions, and the keys that everybody verifies access tokens with."""
