"""Both APIs as real servers on loopback. Shares no code with the clients, so that each can disagree with the other."""
