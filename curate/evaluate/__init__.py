"""Scores labels against truth."""
