"""Running generators over a dataset: choosing faces, making pictures, writing where they come from, checking them."""
