"""What the recipes' steps are made of: pure functions over labels, vectors and pictures."""
