"""Looks at experiments."""

from collections.abc import Collection

from omniforge_graph.domain.look import Look
from omniforge_graph.persistence.mapping import from_json, to_json, to_micros
from omniforge_graph.persistence.paging import storable
from omniforge_graph.persistence.store import Store

ADD = "INSERT INTO look (experiment_id, number, at, payload) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


class LookStore(Store):
    """Stores looks, each of an experiment once."""

    async def add_look(self, look: Look) -> bool:
        """Store a look; return False, and store nothing, if the experiment has a look of that number."""
        async with self._database.transaction() as session:
            row = (look.experiment_id, look.number, to_micros(look.at), to_json(look))
            return await session.run(ADD, *row) == 1

    async def get_looks(self, experiment_ids: Collection[str]) -> dict[str, list[Look]]:
        """Return the looks at each experiment that has any, the first one first."""
        found: dict[str, list[Look]] = {}
        sql = "SELECT payload FROM look WHERE experiment_id IN (?*) ORDER BY experiment_id, number"
        async with self._database.reading() as session:
            for row in await session.rows(sql, storable(experiment_ids)):
                look = from_json(row["payload"], Look)
                found.setdefault(look.experiment_id, []).append(look)
        return found
