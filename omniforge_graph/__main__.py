"""`python -m omniforge_graph` is the command `omniforge-graph`."""

from omniforge_graph.cli import main

if __name__ == "__main__":
    main()
