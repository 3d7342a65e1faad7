"""Statistics over seeds, comparison of arms, and results on disk."""
