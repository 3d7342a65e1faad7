"""Verification: recorded results against results that are derived again."""
