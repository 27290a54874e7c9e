"""Sending only what is new or changed, and remembering what became of every record."""
