"""Recipes: how published face datasets were built, as named steps that anyone can run on photos of their own."""
