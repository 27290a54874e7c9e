"""From rows of a till to records for ShopiMind: pure functions over Arrow tables, no I/O and no clock."""
