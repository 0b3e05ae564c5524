"""The door to clients: translates GraphQL to use cases and back, and decides nothing."""
