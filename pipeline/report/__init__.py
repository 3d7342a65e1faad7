"""Report: text, figures, HTML pages and generated Markdown."""
