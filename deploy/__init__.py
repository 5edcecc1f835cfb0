"""How OrderMesh is put together and run, and what of others it takes along."""
