"""Results as other tools read them, a module per tool; each imports its package where it is asked for."""
