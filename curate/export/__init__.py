"""Writing a dataset in the form that a training script expects, and reading it back to see what was lost."""
