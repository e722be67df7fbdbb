"""What the agents of a kind have: those that learn on-policy, and those that learn off-policy."""
