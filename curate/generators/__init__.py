"""Generators: one face in, changed faces out, or a description in and faces out. A new one is one new file here."""
