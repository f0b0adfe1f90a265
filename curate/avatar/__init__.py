"""Parameters of a head model from a face's labels, and a loop that generates, scores and adjusts within a budget."""
