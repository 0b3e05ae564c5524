"""A schema to try plans on."""
