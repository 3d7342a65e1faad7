"""Long tests that are run by hand."""
