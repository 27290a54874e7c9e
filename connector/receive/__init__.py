"""`connector receive`: the service that ShopiMind's and the tills' webhooks reach. It verifies, stores and answers."""
