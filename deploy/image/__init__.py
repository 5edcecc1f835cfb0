"""The image of the mesh: how it is built, and what is in it."""
