"""Filling the gaps of a balance plan with generated faces that independent annotators accepted."""
