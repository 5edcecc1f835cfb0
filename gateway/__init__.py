"""HTTP in, gRPC out, driven by the contract: it knows no rpc by name and decides nothing."""
