"""GraphiQL, the query editor in the browser, served from this package: no other host is ever asked for anything."""

from omniforge_graph.graphql.graphiql.assets import Asset, Assets, load_assets
from omniforge_graph.graphql.graphiql.page import CONTENT_SECURITY_POLICY, render_page

__all__ = ["CONTENT_SECURITY_POLICY", "Asset", "Assets", "load_assets", "render_page"]
