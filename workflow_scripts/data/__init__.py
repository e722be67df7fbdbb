"""Markets, bars, features and folds."""
