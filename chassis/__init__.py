"""What every process of the mesh does the same way. A library: it knows no service and no order."""
