"""Test scores, baselines, predictions, and export to torch.nn."""
