"""Values and rules of experimentation: no I/O, no clock, no randomness."""
