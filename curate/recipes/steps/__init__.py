"""Kinds of steps, one module each; a recipe names them."""
