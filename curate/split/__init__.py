"""Train, validation and test parts that share no person and no photo, with a certificate that can be checked."""
