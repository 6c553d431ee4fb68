"""Patterns of paths mean the same on every file system."""

from __future__ import annotations

import pytest

from prox_spark.sources import patterns


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("/d/*.json", ["/d/a.json", "/d/a b.json"], ["/d/e/a.json", "/d/.a.json", "/d/_a.json", "/d/a.jsonl"]),
        ("/d/_*", ["/d/_a"], ["/d/a"]),
        ("/d/?.json", ["/d/a.json"], ["/d/ab.json", "/d/.json"]),
        ("/d/[a-c].json", ["/d/b.json"], ["/d/d.json"]),
        ("/d/[!a-c].json", ["/d/d.json"], ["/d/b.json"]),
        ("/d/[^a-c].json", ["/d/d.json"], ["/d/b.json"]),
        ("/d/[]x].json", ["/d/].json", "/d/x.json"], ["/d/y.json"]),
        ("/d/[z-a].json", [], ["/d/z.json"]),
        ("/d/[x", ["/d/[x"], ["/d/x"]),
        ("/d/a[]", ["/d/a[]"], ["/d/a"]),
        (r"/d/\*.json", ["/d/*.json"], ["/d/a.json"]),
        ("/d/**/*.json", ["/d/a.json", "/d/x/a.json", "/d/x/y/a.json"], ["/d/.x/a.json", "/e/a.json"]),
        ("/d/**", ["/d/x", "/d/x/y"], ["/e"]),
        ("/d/**/en/a", ["/d/en/a", "/d/x/en/a"], ["/d/xen/a"]),
        ("/d/a.json\n", ["/d/a.json\n"], ["/d/a.json"]),
        ("/d/größe*", ["/d/größe頁"], ["/d/grosse"]),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, matched: list[str], others: list[str]) -> None:
    expression = patterns.expression(pattern)
    assert [path for path in matched + others if expression.fullmatch(path)] == matched


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", ["a"]),
        ("{a,b}.{x,y}", ["a.x", "a.y", "b.x", "b.y"]),
        ("{a/b,c}/*", ["a/b/*", "c/*"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{a}", ["{a}"]),
        ("a,b", ["a,b"]),
        ("{a,b", ["{a,b"]),
        (r"\{a,b}", [r"\{a,b}"]),
        ("{a,a}", ["a"]),
        ("{,a}b", ["b", "ab"]),
    ],
)
def test_braces_are_written_out(pattern: str, expected: list[str]) -> None:
    assert patterns.alternatives(pattern) == expected
