"""Lists and folders that training scripts read and that are not made of pairs of faces: views, protocols, latents."""
