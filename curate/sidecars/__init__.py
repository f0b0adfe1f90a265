"""Three-dimensional data beside faces: meshes, coefficients, rigid transforms, and pairs of a subject's visits."""
