"""One module per family of measures; found by scanning."""
