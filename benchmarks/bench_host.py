"""How fast the host can feed a card: `refine` on a real lake, with a clock in the card's place (no GPU needed).

    python benchmarks/bench_host.py [--pages N] [--speeds 1 4] [--engines 2] [--waves 3] [--master local[2]]

`stand_in/vllm` takes vLLM's place on the path of the workers: everything of prox_spark runs as it is, prompts go as
messages to a process of their own, and the answers come after the time that the card would need (552,000 tokens a
second times the speed). The answers are programs that were recorded. Beside it the stand-in alone, given the same
prompts all at once.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from math import ceil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = Path(__file__).resolve().parent / "stand_in"
SHARED = Path(os.environ.get("PROX_SPARK_SHARED", ROOT.parent / "shared" / "data"))
PROFILE = "prox-web-chunk"
CARD = 552_100
"""Tokens a second, prompts and answers: two vLLM engines on one H200, the published refiners' shape in bfloat16."""

FLOOR_SECONDS = 0.002
SEQUENCES, BUDGET = 1024, 16_384


def pages(count: int) -> list[str]:
    """Give texts of real pages: those beside the repository, or the project's own sample, again and again."""
    import pyarrow.parquet as parquet

    beside = SHARED / "web_lines_train.parquet"
    if beside.exists():
        texts = parquet.read_table(beside, columns=["text"])["text"].to_pylist()
    else:
        sample = ROOT / "prox_spark" / "demo" / "data" / "fineweb" / "data" / "CC-MAIN-2025-51" / "000_00000.parquet"
        texts = parquet.read_table(sample, columns=["text"])["text"].to_pylist()
    rounds = -(-count // len(texts))
    return [text if not turn else f"{text}\nround {turn}" for turn in range(rounds) for text in texts][:count]


def tokenizer_folder() -> Path:
    beside = SHARED / "llama_tokenizer"
    return beside if beside.is_dir() else ROOT / "prox_spark" / "models" / "tiny-lm"


def recorded(texts: list[str]) -> list[list[int]]:
    """Give the token ids of programs for real chunks: what the tagger writes for the first of these pages."""
    from tokenizers import Tokenizer

    from prox_spark import profiles
    from prox_spark.config import TaggerSettings
    from prox_spark.engines import create

    tokenizer = Tokenizer.from_file(str(tokenizer_folder() / "tokenizer.json"))
    engine = create(TaggerSettings())
    profile = profiles.find("tiny-chunk")
    prompts = [prompt for text in texts[:150] for _, prompt in profiles.prompts(profile, text, engine.tokenizer)]
    programs = [answer.text for answer in engine.generate([prompt for prompt in prompts if prompt])]
    # A page's program is cut into pieces of a chunk's length: two or three lines, 26 tokens on average in the table.
    lines = [line for program in programs for line in program.split("\n") if line]
    pieces = ["\n".join(lines[at : at + 1 + at % 3]) for at in range(0, len(lines) - 3, 2)][:400]
    pieces += ["keep_chunk()"] * (len(pieces) // 3)
    [end] = tokenizer.encode("</s>", add_special_tokens=False).ids
    return [[*tokenizer.encode(piece, add_special_tokens=False).ids, end] for piece in pieces]


def model_folder(place: Path, name: str, answers: list[list[int]], speed: float, *, sample: bool) -> Path:
    """Write what stands for the card: a tokenizer, a model of one weight, and how fast its answers come."""
    import numpy as np
    from safetensors.numpy import save_file

    folder = place / name
    folder.mkdir()
    for path in tokenizer_folder().iterdir():
        if path.suffix != ".safetensors" and path.is_file():
            shutil.copyfile(path, folder / path.name)
    vocabulary = 32_000
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": vocabulary}
    config |= {"max_position_embeddings": 2048, "bos_token_id": 1, "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"weight": np.zeros(1, np.float32)}, folder / "model.safetensors")
    seen = folder / "seen"
    seen.mkdir()
    about: dict[str, Any] = {
        "rate": CARD * speed,
        "floor_seconds": FLOOR_SECONDS / speed,
        "sequences": SEQUENCES,
        "budget": BUDGET,
    }
    about |= {"answers": answers, "seen": str(seen), "sample": sample}
    (folder / "stand_in.json").write_text(json.dumps(about))
    return folder


def alone(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Hand the stand-in every prompt at once, as `LLM.generate` does."""
    from tokenizers import Tokenizer
    from vllm import EngineArgs, LLMEngine, SamplingParams

    from prox_spark import profiles
    from prox_spark.engines.tokenizer import ModelTokenizer

    tokenizer = ModelTokenizer(Tokenizer.from_file(str(folder / "tokenizer.json")))
    made = [prompt for text in texts for _, prompt in profiles.prompts(profiles.find(PROFILE), text, tokenizer)]
    asked = [(list(prompt.token_ids or ()), prompt.max_new_tokens) for prompt in made if prompt is not None]
    engine = LLMEngine.from_engine_args(EngineArgs(str(folder)))
    began, cpu = time.monotonic(), time.process_time()
    for number, (ids, limit) in enumerate(asked):
        engine.add_request(str(number), {"prompt_token_ids": ids}, SamplingParams(max_tokens=limit))
    tokens = 0
    while engine.has_unfinished_requests():
        tokens += sum(len(o.prompt_token_ids) + len(o.outputs[0].token_ids) for o in engine.step())
    seconds = time.monotonic() - began
    engine.engine_core.shutdown()
    return {"prompts": len(asked), "tokens": tokens, "seconds": seconds, "cpu": time.process_time() - cpu}


def refine_side(lake_folder: str, folder: Path, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Refine the lake with one pass of that name, as `prox-spark refine` does."""
    from prox_spark import config as configuration
    from prox_spark import pipeline
    from prox_spark.lake.tables import Lake
    from prox_spark.spark.session import session

    engine = ["kind=vllm", f"model={folder}", "device=cpu", "own_process=true", f"engines_per_gpu={options.engines}"]
    passes = json.dumps([{"name": name, "profile": PROFILE}])
    settings = [
        f"passes={passes}",
        "refine.preflight_texts=0",
        f"refine.wave_texts={ceil(options.pages / options.waves)}",
        *(f"engine.{item}" for item in engine),
    ]
    config = configuration.load(overrides=settings)
    memory: dict[str, Any] = (
        {"spark_driver_memory": "1g", "spark_executor_memory": "1g"} if "cluster" in options.master else {}
    )
    spark = session(spark_master=options.master, **memory)
    lake = Lake.open(spark, lake_folder)
    summary = pipeline.refine(lake, name, config=config)
    time.sleep(0.5)  # the others write what they saw a few times a second
    core_records, worker_records = (
        [json.loads(path.read_text()) for path in (folder / "seen").glob(kind)]
        for kind in ("core-*.json", "worker-*.json")
    )
    spark.stop()
    return {
        "tokens": summary.prompt_tokens + summary.output_tokens,
        "prompt_tokens": summary.prompt_tokens,
        "texts": summary.texts,
        "errors": summary.errors,
        "loads_by_wave": summary.loads_by_wave,
        "seconds": summary.seconds,
        "in_tasks": summary.engine_seconds - summary.load_seconds,
        "cores": core_records,
        "workers": worker_records,
    }


def ingest(lake_folder: str, source: Path) -> dict[str, Any]:
    from prox_spark import config as configuration
    from prox_spark import pipeline
    from prox_spark.lake.tables import Lake
    from prox_spark.spark.session import session

    spark = session(spark_master="local[2]")
    settings = configuration.load(overrides=["ingest.url_column=null"]).ingest
    summary = pipeline.ingest(Lake.open(spark, lake_folder), "jsonl", [str(source)], settings=settings)
    spark.stop()
    return {"documents": summary.documents}


def child(*arguments: str) -> dict[str, Any]:
    """Run a side in a process of its own, with the stand-in in vLLM's place."""
    environ = os.environ | {"PYTHONPATH": f"{STAND_IN}:{ROOT}", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environ
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def told(speed: float, lone: dict[str, Any], ours: dict[str, Any]) -> None:
    """Print what one speed gave."""
    cores, workers = ours["cores"], ours["workers"]
    window = max(core["last_answer"] for core in cores) - min(core["first"] for core in cores)
    hungry = statistics.mean(
        core["hungry_before_last_prompt"] / (core["last_prompt"] - core["first"]) for core in cores
    )
    busy = statistics.mean(worker["feeding_cpu"] / worker["wall"] for worker in workers)
    worker_cpu = sum(worker["worker_cpu"] for worker in workers)
    print(f"speed {speed:g}: a card of {CARD * speed:,.0f} tokens a second")
    for what, number in (
        ("the stand-in alone, tokens a second", f"{lone['tokens'] / lone['seconds']:,.0f}"),
        ("refine, first prompt to last answer", f"{ours['tokens'] / window:,.0f}"),
        ("refine, in its tasks", f"{ours['tokens'] / ours['in_tasks']:,.0f}"),
        ("refine, with Spark's start and commit", f"{ours['tokens'] / ours['seconds']:,.0f}"),
        ("share of time that the engine was hungry", f"{hungry:.1%}"),
        ("share that the feeding thread was busy", f"{busy:.1%}"),
        ("prompt tokens a CPU second of the worker", f"{ours['prompt_tokens'] / worker_cpu:,.0f}"),
        ("models loaded in each wave", " ".join(map(str, ours["loads_by_wave"]))),
        ("CPU seconds of the worker", f"{worker_cpu:.2f}"),
    ):
        print(f"  {what:42}{number:>14}")
    parts: Counter[str] = sum((Counter(worker["parts"]) for worker in workers), Counter())
    for part, seconds in parts.most_common():
        print(f"    {part:40}{seconds:14.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=1200)
    parser.add_argument("--speeds", type=float, nargs="*", default=[1.0, 8.0])
    parser.add_argument("--master", default=f"local[{len(os.sched_getaffinity(0))}]", help="where Spark runs")
    parser.add_argument("--waves", type=int, default=1)
    parser.add_argument(
        "--engines", type=int, default=1, help="how many share the card, each with its part of the speed"
    )
    parser.add_argument("--no-parts", action="store_true", help="do not look at what the threads do")
    parser.add_argument("--json", type=Path, help="write all that was seen into this file")
    parser.add_argument("side", nargs="*")
    options = parser.parse_args()
    if options.side:
        print(json.dumps(here(options)))
        return
    everything = measured(options)
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1))


def here(options: argparse.Namespace) -> dict[str, Any]:
    """Run one side in this process."""
    name, *rest = options.side
    if name == "ingest":
        return ingest(rest[0], Path(rest[1]))
    if name == "alone":
        return alone(Path(rest[0]), pages(options.pages))
    return refine_side(rest[0], Path(rest[1]), rest[2], options)


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure every speed, on one lake."""
    everything = []
    with tempfile.TemporaryDirectory(prefix="prox-host-") as place:
        texts = pages(options.pages)
        answers = recorded(texts)
        print(f"{len(texts)} pages, answers of {statistics.mean(map(len, answers)):.0f} tokens on average", flush=True)
        source = Path(place) / "pages.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        lake = str(Path(place) / "lake")
        child("ingest", lake, str(source))
        for number, speed in enumerate(options.speeds):
            names = ("pages", "master", "waves", "engines")
            sizes = [f"--{name}={getattr(options, name)}" for name in names]
            lone_folder = model_folder(Path(place), f"alone{number}", answers, speed, sample=False)
            lone = child(*sizes, "alone", str(lone_folder))
            each = speed / options.engines
            folder = model_folder(Path(place), f"refine{number}", answers, each, sample=not options.no_parts)
            ours = child(*sizes, "refine", lake, str(folder), f"chunk{number}")
            told(speed, lone, ours)
            everything.append({"speed": speed, "alone": lone, "refine": ours})
    return everything


if __name__ == "__main__":
    main()
