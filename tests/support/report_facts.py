"""Facts that were made up, hostile text among them: what a page can be tested with, without Spark."""

from __future__ import annotations

from typing import Any

from prox_spark.report.facts import Facts

HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>\x00\x1b[31m\u202eevil'


def operation(op: str, **fields: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("line_start", "line_end", "source", "target", "reason"))
    return {**blank, "op": op, "status": "applied", "found": 1, "words_removed": 2, **fields}


def document(number: int, change: str, before: str, after: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "doc_id": f"{number:064x}",
        "source": "c4",
        "snapshot": "en",
        "url": f"https://{number}.example/page",
        "change": change,
        "outcome": change,
        "reason": "drop_doc" if after is None else None,
        "pass_name": "chunk",
        "words_before": len(before.split()),
        "words_after": len((after or "").split()),
        "before": before,
        "after": after,
        "ops": [operation("remove_lines", line_start=0, line_end=0)],
        "is_cut": False,
        **fields,
    }


def beside() -> dict[str, Any]:
    """Give two versions side by side, of which the documents and the passes have hostile names."""
    side = {"kept": 100, "edited": 150, "dropped": 50, "absent": 0, "words": 70_000}
    passes = [{"pass_name": "ultrax", "profile": "ultrax", "engine": "vllm", "model": HOSTILE, "policy": {}}]
    fates = {"documents": 150, "differing": 40, "words": 60_000, "words_a": 50_000, "words_b": 40_000}
    row = {"doc_id": "0" * 64, "fate_a": "edited", "fate_b": "dropped", "words": 5, "words_a": 3, "words_b": 0}
    return {
        "a": {"version": 2, "passes": passes, **side},
        "b": {"version": 3, "passes": [{**passes[0], "profile": None}], **side},
        "documents": 300,
        "differing": 80,
        "words": 120_000,
        "fates": [{"fate_a": "edited", "fate_b": "dropped", **fates}],
        "sample": [
            {**row, "url": HOSTILE, "text": f"{HOSTILE}\nx", "text_a": HOSTILE, "text_b": None},
            {**row, "url": None, "text": "a\nb", "text_a": "a", "text_b": f"b {HOSTILE}"},
        ],
    }


def facts(**fields: Any) -> Facts:
    """Give facts with something in each part of the page."""
    counts = {"documents": 300, "kept": 100, "edited": 120, "dropped": 80, "restored": 0, "added": 0, "forgotten": 0}
    total = {**counts, "absent": 0, "words_before": 120_000, "words_after": 80_000}
    story = "\n".join(f"Paragraph {number} of a story that goes on." for number in range(30))
    gallery = [
        document(1, "edited", f"Home | About\n{story}", story),
        document(2, "edited", "It costs 5 $ and more.\nSubscribe!", "It costs 5 dollars and more."),
        document(3, "edited", f"{HOSTILE}\nA line.", "A line.", url="javascript:alert(1)"),
        document(4, "dropped", "Buy now\n" * 60, None),
    ]
    values: dict[str, Any] = {
        "lake": "lake",
        "version": 3,
        "tags": ("v1.0",),
        "made_at": "2026-01-02T03:04:05+00:00",
        "package_version": "0.1.0",
        "total": total,
        "sources": [
            {"source": "c4", "snapshot": "en", **total},
            {"source": "fineweb", "snapshot": HOSTILE, **total, "kept": 20, "dropped": 160},
        ],
        "stages": [
            {"stage": stage, "source": source, "words": words, "documents": 100}
            for stage, words in (("ingested", 60_000), ("after doc", 50_000), ("after chunk", 40_000))
            for source in ("c4", "fineweb")
        ],
        "passes": [
            {
                "pass_name": name,
                "versions": [version],
                "level": level,
                "fingerprint": f"{version:064x}",
                "policy": {"mode": "strict", "min_words": 0},
                "kept": 1,
                "edited": 2,
                "dropped": 3,
                "failed": 0,
                "not_run": 0,
                "words_before": 10,
                "words_after": 5,
            }
            for name, level, version in (("doc", "document", 2), ("chunk", "chunk", 3))
        ],
        "histogram": [
            {"low": low, "high": low * 2, "before": 10 * at, "after": 30 - 5 * at}
            for at, low in enumerate((10, 18, 32, 56, 100))
        ],
        "operations": [
            {**operation(op), "pass_name": name, "status": status, "operations": 40, "documents": 30, "words_added": 7}
            for name, op, status in (("doc", "drop_doc", "applied"), ("chunk", "remove_lines", "rejected"))
        ],
        "reasons": [{"pass_name": "doc", "reason": "drop_doc", "documents": 80, "words": 9000}],
        "lines": [{"line": "Subscribe to our newsletter", "documents": 41}, {"line": HOSTILE, "documents": 2}],
        "scores": [
            {"pass_name": "edu", "low": 0.25 * at, "high": 0.25 * (at + 1), "documents": 30 - at} for at in range(12)
        ],
        "against": beside(),
        "families": [{"size": 2, "families": 30, "documents": 30}, {"size": 7, "families": 1, "documents": 6}],
        "copies": [
            {
                "doc_id": "c" * 64,
                "url": None,
                "twin": "d" * 64,
                "twin_url": f"https://a.example/{HOSTILE}",
                "similarity": 0.93,
                "text": f"A page that was copied.\nIts end. {HOSTILE}",
                "twin_text": "A page that was copied.\nThe end.",
            }
        ],
        "gallery": gallery,
        "runs": [
            {
                "run_id": "20260102T030405-refine-abc",
                "command": "refine",
                "pass_name": "doc",
                "status": "done",
                "by": "somebody",
                "package_version": "0.1.0",
                "fingerprint": "00",
                "corpus_version": None,
                "gpu_seconds": None,
                "gpu_idle_share": None,
                "cost": None,
                "prompt_tokens": 1000,
                "output_tokens": 200,
                "started_at": "2026-01-02T03:04:05+00:00",
                "texts": 300,
                "seconds": 12.5,
                "tokens_per_second": 96.0,
                "conf": {"engine": {"kind": "rules"}},
            }
        ],
    }
    return Facts(**{**values, **fields})
