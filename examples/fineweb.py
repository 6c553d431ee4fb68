"""Refine a sample of FineWeb, and ask what was removed.

python examples/fineweb.py                                        # the sample that ships, 96 pages
python examples/fineweb.py --lake ./fineweb --paths 'CC-MAIN-2025-51/*.parquet'
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prox_spark import Lake, demo, ingest, load, run, session

QUESTIONS = {
    "Documents by what became of them": """
        SELECT outcome, count(*) AS documents, sum(words_after) AS words FROM corpus
        GROUP BY outcome ORDER BY documents DESC
    """,
    "Lines that were removed from most pages": """
        SELECT left(text, 60) AS line, count(DISTINCT doc_id) AS pages FROM removed
        GROUP BY text ORDER BY pages DESC, line LIMIT 10
    """,
    "FineWeb's own tokens, and about how many are left": """
        SELECT round(sum(tokens)) AS tokens, round(sum(tokens * coalesce(words_after / words_before, 0))) AS about_left
        FROM (SELECT c.words_after, CAST(get_json_object(c.metadata, '$.token_count') AS DOUBLE) AS tokens,
                     first_pass.words_before
              FROM corpus AS c JOIN corpus VERSION AS OF 1 AS first_pass USING (doc_id))
    """,
}


def main(lake_at: str, paths: list[str]) -> Lake:
    """Take the files through the line, and print the answers."""
    config = load()
    lake = Lake.open(session(), lake_at)
    ingested = ingest(lake, "fineweb", paths, config=config)
    print(f"{ingested.records} records, {ingested.quarantined} of them in quarantine")
    for refined, applied in run(lake, config):
        print(f"{refined.pass_name}: {applied.kept} kept, {applied.edited} edited, {applied.dropped} dropped")
    for about, query in QUESTIONS.items():
        print(f"\n{about}:")
        lake.sql(query).show(truncate=False)
    return lake


if __name__ == "__main__":
    sample = dict(demo.sample())["fineweb"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", default="fineweb-lake", help="where the tables go (./fineweb-lake)")
    parser.add_argument("--paths", nargs="+", default=[Path(sample).as_uri()], help="files, folders or patterns")
    arguments = parser.parse_args()
    main(arguments.lake, arguments.paths)
