"""Look after a running cluster: drain, rebalance, back up, status."""
