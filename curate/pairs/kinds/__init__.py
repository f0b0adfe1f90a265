"""One module per family of pairs; found by scanning."""
