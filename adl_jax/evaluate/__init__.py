"""What a trajectory is worth: losses, regrets, bounds and diagnostics."""
