"""The objects of the schema: each is built from a domain value by its `of`."""
