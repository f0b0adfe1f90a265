"""Whether texts about faces agree with the labels, say different things, and claim nothing that they must not."""
