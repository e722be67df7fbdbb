"""Search spaces, optimizers, trials."""
