"""Datasets by name, one file each: official files, options and splits."""
