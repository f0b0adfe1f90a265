"""One module per kind of label: what its cases are and which figures belong to it."""
