"""GraphiQL's vendored files: unchanged, named in the notice, licensed, and without references to other hosts."""

import hashlib
import re
from importlib import resources

import pytest

from omniforge_graph.graphql.graphiql import load_assets

FOLDER = resources.files("omniforge_graph.graphql.graphiql")
CHECKSUMS = dict(reversed(line.split("  ")) for line in (FOLDER / "CHECKSUMS").read_text().splitlines())
NOTICE = (FOLDER / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(CHECKSUMS))
def test_a_vendored_file_is_what_its_package_published(name):
    content = (FOLDER / "static" / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == CHECKSUMS[name]
    assert re.search(rf"^{re.escape(name)} +\S+ +\d+\.\d+\.\d+ +MIT ", NOTICE, re.MULTILINE)


def test_every_file_is_ours_or_has_a_checksum():
    ours = {"start.js", "start.css"}
    assert {entry.name for entry in (FOLDER / "static").iterdir()} == ours | CHECKSUMS.keys() == load_assets().keys()


@pytest.mark.parametrize("licence", ["MIT License", "BSD-2-Clause License", "SIL OPEN FONT LICENSE Version 1.1"])
def test_the_notice_holds_the_text_of_each_licence(licence):
    assert licence in NOTICE


@pytest.mark.parametrize("name", ["react.production.min.js", "react-dom.production.min.js"])
def test_licence_headers_inside_the_files_stay(name):
    assert "@license React" in (FOLDER / "static" / name).read_text(encoding="utf-8")


def test_styles_embed_what_they_show():
    for name in ("graphiql.min.css", "start.css"):
        styles = (FOLDER / "static" / name).read_text(encoding="utf-8")
        assert "@import" not in styles
        assert not re.search(r"url\((?![\"']?data:)", styles)


def test_our_own_script_names_no_host():
    assert not re.search(r"https?://", (FOLDER / "static" / "start.js").read_text(encoding="utf-8"))


def test_names_change_with_the_content():
    for name, asset in load_assets().items():
        assert hashlib.sha256(asset.content).hexdigest()[:16] in asset.name
        assert asset.name.startswith(name.rpartition(".")[0])
