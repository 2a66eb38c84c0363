"""Break something while people shop, and prove what came of it."""
