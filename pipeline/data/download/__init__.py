"""Downloads with verified hashes, and the inventory of own files."""
