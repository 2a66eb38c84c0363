"""What the shop promised against what its database holds."""
