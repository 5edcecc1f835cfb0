"""The services of the mesh. They never import each other: they talk gRPC."""
