"""Where bars come from: a module each, found by its name."""
