"""The audit itself: it finds nothing in data that is right, and each thing that is wrong, under its name."""
