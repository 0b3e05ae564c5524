"""The inputs of the schema, and their way into the domain."""
