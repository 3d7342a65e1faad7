"""Datasets: from official or own files to training, validation and test splits."""
