"""Grids of prompts: which faces to ask a model for, how to say it, and what each picture then promises."""
