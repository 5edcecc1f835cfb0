"""The bite test: bugs planted in a copy of the tree, to see that the audit finds each of them."""
