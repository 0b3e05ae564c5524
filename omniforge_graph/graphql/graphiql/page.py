"""The page that opens in a browser at the endpoint's own address."""

from html import escape
from typing import Final

from omniforge_graph.graphql.graphiql.assets import SCRIPTS, STYLES, Assets

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; font-src data:; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; "  # the editor positions its own elements by style attributes
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Scripts from this origin only, no requests to any other, no framing by anyone."""


def render_page(assets: Assets, folder: str, default_query: str, title: str) -> str:
    """Return the HTML page; `folder` is the address of the assets, relative to the page."""
    styles = "\n".join(f'<link rel="stylesheet" href="{folder}/{assets[name].name}">' for name in STYLES)
    scripts = "\n".join(f'<script src="{folder}/{assets[name].name}"></script>' for name in SCRIPTS)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
{styles}
</head>
<body>
<div id="graphiql" data-default-query="{escape(default_query)}"><p class="loading">Loading GraphiQL …</p></div>
<noscript>GraphiQL needs JavaScript. The API itself does not: send it a POST request.</noscript>
{scripts}
</body>
</html>
"""
