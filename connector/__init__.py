"""Delivers a point-of-sale account's stores, customers, products and sales to ShopiMind, completely and never twice."""
