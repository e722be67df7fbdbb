"""What the trials say: importance, figures, the verdict."""
