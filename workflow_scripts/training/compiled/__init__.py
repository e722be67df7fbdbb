"""Updates and rollouts of the architecture ``shared`` compiled for a CPU: PPO's and SAC's, by formulas of their own."""
