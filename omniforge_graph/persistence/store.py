"""What the parts of the repository share: the database they speak to."""

from omniforge_graph.persistence.database import Database
from omniforge_graph.services.repository import PromptRepository


class Store(PromptRepository):
    """A part of the repository; the whole is `TortoiseRepository`."""

    def __init__(self, database: Database) -> None:
        self._database = database
