#!/usr/bin/env python3
"""Sums the line coverage of an lcov file by part of the product, as a Markdown table.

Counts the lines with code of src and crates. Leaves out tests: modules of tests at the end of a file, files of tests, and crates/test-support.

    .ci/coverage.py target/coverage.lcov
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

TESTS = re.compile(r"#\[cfg\(test\)\]\s*\n(?:#\[.*\]\s*\n)*(?:pub )?mod \w+ \{")


def part_of(path):
    """The part that a file belongs to; None for tests."""
    names = path.parts
    if "tests" in names or path.stem == "tests" or names[:2] == ("crates", "test-support"):
        return None
    if names[0] == "crates":
        return "/".join(names[:2])
    return "src/" + names[1].removesuffix(".rs") if names[0] == "src" else None


def code_lines(path):
    """The number of lines before the module of tests."""
    text = (ROOT / path).read_text()
    tests = TESTS.search(text)
    return text.count("\n", 0, tests.start()) if tests else sys.maxsize


def covered(lcov):
    """The parts, each with the number of its lines and of those that a test has run."""
    parts, part, last = {}, None, 0
    for line in lcov.splitlines():
        if line.startswith("SF:"):
            path = pathlib.Path(line[3:]).resolve()
            path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else None
            part = part_of(path) if path else None
            last = code_lines(path) if part else 0
        elif line.startswith("DA:") and part:
            number, count = map(int, line[3:].split(",")[:2])
            if number <= last:
                lines, run = parts.get(part, (0, 0))
                parts[part] = (lines + 1, run + (count > 0))
    return parts


def main():
    parts = covered(pathlib.Path(sys.argv[1]).read_text())
    if not parts:
        sys.exit("the file has no line of src or crates")
    total = tuple(map(sum, zip(*parts.values())))
    print("| part | lines | covered |\n|---|---:|---:|")
    for part, (lines, run) in sorted(parts.items()) + [("all", total)]:
        print(f"| {part} | {lines} | {100 * run / lines:.1f} % |")


if __name__ == "__main__":
    main()
