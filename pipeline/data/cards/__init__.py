"""Data cards: origin, counts and sample images of a dataset."""
