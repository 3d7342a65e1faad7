"""Generated blocks of Markdown files."""
