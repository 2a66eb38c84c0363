"""What the pages of every context share: templates, sessions, forms, safety, health."""
