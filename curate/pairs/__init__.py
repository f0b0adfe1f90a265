"""Pairs, triplets and sets of faces for training: declared by kinds, held to rules by one engine."""
