"""File formats: each reader returns arrays, or refuses a file with a one-line Problem."""
