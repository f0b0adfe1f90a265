"""Measures: what published work reports about datasets, edits and models, from tables, pictures and datasets."""
