"""Errors, atomic storage, locks, named random streams and device selection."""
