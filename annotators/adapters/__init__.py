"""Annotators for models that a user fetches by name or brings along; none is part of the default set."""
