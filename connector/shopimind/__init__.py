"""ShopiMind's API v1 from Python: client, envelope, resources, bulk saves, provisioning."""
