"""Traces from one end of the mesh to the other."""
