#!/usr/bin/env python3
"""Fails when docs/database.md and the views of storage/schema do not name the same columns.

Usage:  database_doc_test.py ROOT
Exit:   0 the same, 1 a difference, 2 wrong usage
"""
import pathlib
import re
import sqlite3
import sys

AS_RESULTS = "front_v"  # has the columns of results_v, and the document says so


def columns_of_views(schema):
    connection = sqlite3.connect(":memory:")
    for path in [*sorted(schema.glob("0*.sql")), schema / "views.sql"]:
        connection.executescript(path.read_text(encoding="utf-8"))
    views = [row[0] for row in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'view' AND name GLOB '*_v'")]
    return {view: [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]
            for view in views}


def columns_of_document(text):
    """By heading: the names in the first column of the tables that begin with `Column`."""
    found = {}
    for heading, body in re.findall(r"^## (\w+_v)\n(.*?)(?=^## |\Z)", text, re.S | re.M):
        rows = re.findall(r"^\| Column \|.*?\n\|[-|]+\n((?:\|.*\n)+)", body, re.M)
        cells = [line.split("|")[1] for table in rows for line in table.splitlines()]
        found[heading] = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    return found


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    views = columns_of_views(root / "storage" / "schema")
    document = columns_of_document((root / "docs" / "database.md").read_text(encoding="utf-8"))
    errors = []
    if views.get(AS_RESULTS) != views.get("results_v"):
        errors.append(f"{AS_RESULTS} has other columns than results_v")
    for view in sorted({*views, *document}):
        if view == AS_RESULTS:
            continue
        there, said = views.get(view, []), document.get(view, [])
        errors += [f"docs/database.md: {view} lacks the column {name}"
                   for name in there if name not in said]
        errors += [f"docs/database.md: {view} has no column {name}"
                   for name in said if name not in there]
    print("\n".join([*errors, f"{len(errors)} difference(s) in {len(views)} views"]))
    return 1 if errors or not views else 0


if __name__ == "__main__":
    sys.exit(main())
