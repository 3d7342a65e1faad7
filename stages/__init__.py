"""Commands: one file for each stage of the pipeline, and tools."""
