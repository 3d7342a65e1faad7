"""Verification: recorded results are compared with recomputed ones."""
