"""Everything a person does with a dataset of faces."""
