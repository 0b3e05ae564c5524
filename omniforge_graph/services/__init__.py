"""Use cases: fetch, decide through the domain, save, then tell."""
