"""The Dagster code location: one family of assets per shop."""
