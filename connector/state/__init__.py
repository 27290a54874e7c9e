"""What outlives a run: the database and the lake of Parquet files."""
