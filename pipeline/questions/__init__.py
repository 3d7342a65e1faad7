"""Questions: the arms that make the fewest test errors on a user's data, and how surely."""
