"""One module per family of views of a face; found by scanning."""
