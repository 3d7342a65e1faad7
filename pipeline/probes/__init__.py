"""What trained networks are probed for."""
