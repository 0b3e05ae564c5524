"""The engine against expected values that nobody here wrote."""
