#!/usr/bin/env python3
"""Fails when a document links to a file or a heading that is not there.

Usage:  links_test.py ROOT
Exit:   0 clean, 1 broken links, 2 wrong usage or no documents found

Looks at every Markdown file that git knows or could add, at links and images written as [text](target)
and outside of code. Targets with a scheme (https:) are not looked at. An anchor is a heading as
GitHub names it: lower case, without punctuation, spaces as hyphens, -1, -2, ... behind repetitions.
"""
import pathlib
import re
import subprocess
import sys

FENCE = re.compile(r"^(`{3,}|~{3,})")
CODE = re.compile(r"(`+).+?\1")
LINK = re.compile(r"\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.I)


def prose(text):
    """(number, line) of the lines that are not in a fenced block."""
    fence = None
    for number, line in enumerate(text.splitlines(), start=1):
        match = FENCE.match(line.lstrip())
        if fence is None and match:
            fence = match[1]
        elif fence is not None:
            if match and match[1].startswith(fence) and line.strip() == match[1]:
                fence = None
        else:
            yield number, line


def anchors(text):
    found, seen = set(), {}
    for _, line in prose(text):
        match = HEADING.match(line)
        if not match:
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[2])
        name = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        again = seen.get(name, 0)
        seen[name] = again + 1
        found.add(f"{name}-{again}" if again else name)
    return found


def broken_links(root, documents):
    """Lines that say what is wrong, and how many links were looked at."""
    texts = {path: (root / path).read_text(encoding="utf-8") for path in documents}
    headings = {path: anchors(text) for path, text in texts.items()}
    errors, looked_at = [], 0
    for path, text in texts.items():
        for number, line in prose(text):
            for match in LINK.finditer(CODE.sub("", line)):
                target = match[1]
                if SCHEME.match(target):
                    continue
                looked_at += 1
                file, _, anchor = target.partition("#")
                where = (root / path.parent / file).resolve() if file else (root / path).resolve()
                if not where.exists():
                    errors.append(f"{path}:{number}: {target}: there is no {file}")
                    continue
                inside = where.relative_to(root) if where.is_relative_to(root) else None
                if inside is None:
                    errors.append(f"{path}:{number}: {target}: lies outside of the project")
                elif anchor and anchor not in headings.get(inside, set()):
                    errors.append(f"{path}:{number}: {target}: {inside} has no heading #{anchor}")
    return errors, looked_at


def documents_of(root):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root, capture_output=True)
    if listed.returncode == 0:
        names = {pathlib.Path(name.decode()) for name in listed.stdout.split(b"\0") if name}
        names = {name for name in names if (root / name).is_file()}
    else:  # an unpacked archive
        names = {path.relative_to(root) for folder in (root, root / "docs")
                 for path in folder.glob("*.md")}
    return sorted(names)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1]).resolve()
    documents = documents_of(root)
    errors, looked_at = broken_links(root, documents)
    print("\n".join([*errors, f"{len(errors)} broken of {looked_at} links in {len(documents)} files"]))
    if not looked_at:
        print("no links were found: is ROOT right?", file=sys.stderr)
        return 2
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
