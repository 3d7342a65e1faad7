"""From records to results: tables, intervals, paired tests, and what the figures show."""
