"""Reading tills: what any point-of-sale system offers, and the systems we read."""
