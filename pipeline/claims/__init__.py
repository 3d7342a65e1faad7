"""Claims of the paper: groups of records, decision rules, estimates and verdicts."""
