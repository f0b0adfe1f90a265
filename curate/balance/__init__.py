"""A plan for a balanced dataset: what to keep, drop, add, collect or weigh, at what cost, and what is out of reach."""
