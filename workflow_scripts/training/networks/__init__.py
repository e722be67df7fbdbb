"""Policy and value networks that look the market up by day, in two architectures."""
