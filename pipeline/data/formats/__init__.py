"""File formats: readers that return arrays or refuse a file in one line."""
