"""The database's schema, step by step. Forward only; every step is a file in `versions/`, named after its revision."""
