"""Numbers published in the paper, with their place in the paper."""
