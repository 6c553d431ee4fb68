"""Refine OpenWebMath with the profiles for mathematical text.

    python examples/openwebmath.py                                    # four pages in examples/data/openwebmath, no GPU
    python examples/openwebmath.py --lake ./math --paths 'open-web-math/data/*.parquet' \\
      --doc-model gair-prox/math-doc-refining-lm@COMMIT --chunk-model gair-prox/math-chunk-refining-lm@COMMIT

Without models the same passes are taken with the engine that ships, which reads lines as they are and was not trained
on mathematics: enough to see the passes, not to judge them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from prox_spark import Config, Lake, diff, ingest, load, run, session

SAMPLE = Path(__file__).resolve().parent / "data" / "openwebmath"


def settings(doc_model: str | None, chunk_model: str | None) -> Config:
    """Give the two passes: with the published models, each named as model@revision, or with the engine that ships."""
    passes = []
    for name, profile, model in (
        ("doc", "prox-math-doc", doc_model), ("chunk", "prox-math-chunk", chunk_model)
    ):  # fmt: skip
        if model is None:
            passes.append(f"{{name: {name}, profile: {profile}, prompt_format: raw, engine: {{kind: tagger}}}}")
            continue
        place, _, revision = model.partition("@")
        engine = f"{{kind: auto, model: {place}, revision: {revision or 'null'}}}"
        passes.append(f"{{name: {name}, profile: {profile}, engine: {engine}}}")
    return load(overrides=[f"passes=[{', '.join(passes)}]"])


def main(lake_at: str, paths: list[str], config: Config) -> Lake:
    """Take the files through the line, and print what the passes changed."""
    lake = Lake.open(session(), lake_at)
    ingested = ingest(lake, "openwebmath", paths, config=config)
    print(f"{ingested.records} records, {ingested.quarantined} of them in quarantine")
    for refined, applied in run(lake, config):
        print(f"{refined.pass_name}: {applied.kept} kept, {applied.edited} edited, {applied.dropped} dropped")
    diff(lake, 0).total.show()
    lake.sql("SELECT url, line, text FROM removed WHERE op = 'remove_lines' ORDER BY url, line").show(truncate=60)
    return lake


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", default="math-lake", help="where the tables go (./math-lake)")
    parser.add_argument("--paths", nargs="+", default=[SAMPLE.as_uri()], help="files, folders or patterns")
    parser.add_argument("--doc-model", metavar="MODEL@REVISION", help="a folder, or a name on the hub with its commit")
    parser.add_argument("--chunk-model", metavar="MODEL@REVISION", help="likewise")
    arguments = parser.parse_args()
    main(arguments.lake, arguments.paths, settings(arguments.doc_model, arguments.chunk_model))
