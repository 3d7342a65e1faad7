"""The stages of the pipeline, one typer command a file."""
