"""What the fault suite runs with: load, faults, and stand-ins for AWS and the network."""
