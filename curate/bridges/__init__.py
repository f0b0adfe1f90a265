"""Ways out of a dataset into tools for people, and back."""
