"""Refine RedPajama-V2, and look at what the passes did by the quality signals that came with each page.

    python examples/redpajama_v2.py                                        # six pages in examples/data/redpajama-v2
    python examples/redpajama_v2.py --lake ./rp --path /data/redpajama-v2  # with documents/ and quality_signals/

The signals of a page are its `metadata`, a JSON object: each is a list of [start, end, value].
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prox_spark import Lake, ingest, load, run, session

SAMPLE = Path(__file__).resolve().parent / "data" / "redpajama-v2"

QUESTIONS = {
    "Words left, by the bucket of CCNet": """
        SELECT get_json_object(metadata, '$.bucket') AS bucket, count(*) AS pages,
               count_if(outcome = 'dropped') AS dropped, sum(words_before) AS words_in, sum(words_after) AS words_left
        FROM corpus GROUP BY bucket ORDER BY bucket
    """,
    "Pages that stay, most lines ending in an ellipsis first": """
        SELECT url, outcome, words_before, words_after,
               CAST(get_json_object(metadata, '$.quality_signals.rps_doc_frac_lines_end_with_ellipsis[0][2]') AS DOUBLE)
                   AS lines_with_ellipsis
        FROM refined ORDER BY lines_with_ellipsis DESC, url LIMIT 5
    """,
}


def main(lake_at: str, path: str) -> Lake:
    """Take the folder through the line, and print the answers."""
    config = load()
    lake = Lake.open(session(), lake_at)
    ingested = ingest(lake, "redpajama-v2", [path], config=config)
    print(f"{ingested.records} records, {ingested.quarantined} of them in quarantine")
    for refined, applied in run(lake, config):
        print(f"{refined.pass_name}: {applied.kept} kept, {applied.edited} edited, {applied.dropped} dropped")
    for about, query in QUESTIONS.items():
        print(f"\n{about}:")
        lake.sql(query).show(truncate=False)
    return lake


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", default="redpajama-lake", help="where the tables go (./redpajama-lake)")
    parser.add_argument("--path", default=SAMPLE.as_uri(), help="a folder with documents/ and quality_signals/")
    arguments = parser.parse_args()
    main(arguments.lake, arguments.path)
