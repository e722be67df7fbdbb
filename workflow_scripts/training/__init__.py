"""The trading environment, the agents, and the evaluation of a policy."""
