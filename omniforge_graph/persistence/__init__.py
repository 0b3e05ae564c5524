"""The door to the database: the port of `services.repository` on SQLite and PostgreSQL.

Tortoise keeps the models, the migrations, the connections and the pool; the queries are plain SQL on sessions that
are passed on by hand. Nothing here depends on Tortoise's context variables, so a request's task, a background task
and a test can use the same database, and one process can use several.
"""

from omniforge_graph.persistence.repository import TortoiseRepository, open_database
from omniforge_graph.persistence.schema import migrate
from omniforge_graph.persistence.session import Limits

__all__ = ["Limits", "TortoiseRepository", "migrate", "open_database"]
