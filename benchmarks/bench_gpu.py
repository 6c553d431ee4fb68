"""Tokens a second of one chunk pass on this machine's GPU: vLLM alone with 1, 2 and 3 engines, `refine`, transformers.

    python benchmarks/bench_gpu.py [--model FOLDER] [--pages N] [--sides alone1,alone2,refine,transformers]

Needs a GPU and vLLM (`pip install 'prox-spark[vllm]'`). Each side has a process of its own, and loading the model is
counted apart. Without --model it is a random Llama of the shape of ProX's published refiners (354 million weights);
what it answers does not matter here. The pages are those of the demo, over and over, each time another text.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

from prox_spark import profiles
from prox_spark.config import engine_settings
from prox_spark.engines import Prompt, create, nvidia
from prox_spark.engines.tokenizer import ModelTokenizer

PROFILE = "prox-web-chunk"
SIDES = ("alone1", "alone2", "alone3", "refine", "vllm", "transformers")


def make_model(folder: Path) -> None:
    """Write a random Llama of the published shape, with the tokenizer of the small model that ships."""
    import torch
    import transformers

    with resources.as_file(resources.files("prox_spark") / "models" / "tiny-lm") as small:
        for path in small.glob("*token*.json"):
            shutil.copy(path, folder)
        about = json.loads((small / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=about["vocab_size"], hidden_size=1280, intermediate_size=2048, num_hidden_layers=24,
        num_attention_heads=16, num_key_value_heads=1, max_position_embeddings=2048, initializer_range=0.05,
        bos_token_id=about["bos_token_id"], eos_token_id=about["eos_token_id"], tie_word_embeddings=False,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[about["eos_token_id"]] *= 2.2  # an end that comes about every thirtieth token
    model.to(torch.bfloat16).save_pretrained(folder)


def pages(count: int) -> list[str]:
    """Give the demo's pages, those of a later round with its number."""
    import pyarrow.parquet as parquet

    with resources.as_file(resources.files("prox_spark") / "demo" / "data") as folder:
        texts = [
            text for path in sorted(folder.rglob("*.parquet")) for text in parquet.read_table(path)["text"].to_pylist()
        ]
    return [f"{texts[at % len(texts)]}\n{at // len(texts)}" for at in range(count)]


def prompts_of(model: Path, texts: list[str]) -> list[Prompt]:
    """Cut and encode the pages as a pass does."""
    from tokenizers import Tokenizer

    tokenizer = ModelTokenizer(Tokenizer.from_file(str(model / "tokenizer.json")))
    profile = profiles.find(PROFILE)
    made = (prompt for text in texts for _, prompt in profiles.prompts(profile, text, tokenizer))
    return [prompt for prompt in made if prompt is not None]


def alone(model: Path, texts: list[str], engines: int) -> dict[str, Any]:
    """Hand all prompts at once to vLLM's own class for offline use, in so many processes that begin together."""
    context = multiprocessing.get_context("spawn")
    loading, together, results = context.Lock(), context.Barrier(engines + 1), context.Queue()
    prompts = [(list(prompt.token_ids or ()), prompt.max_new_tokens) for prompt in prompts_of(model, texts)]
    began = time.monotonic()
    workers = [
        context.Process(target=_one, args=(str(model), prompts[at::engines], 0.9 / engines, loading, together, results))
        for at in range(engines)
    ]
    for worker in workers:
        worker.start()
    together.wait()
    load = time.monotonic() - began
    with nvidia.Watch() as watch:
        rows = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = max(row[1] for row in rows) - min(row[0] for row in rows)
    return {"tokens": sum(row[2] for row in rows), "seconds": seconds, "load": load, "busy": _busy(watch)}


def _one(
    model: str, prompts: list[tuple[list[int], int]], share: float, loading: Any, together: Any, results: Any
) -> None:
    from vllm import LLM, SamplingParams

    with loading:  # one after another: the others find what the first has compiled
        engine = LLM(model, dtype="bfloat16", gpu_memory_utilization=share, enable_prefix_caching=False,
                     generation_config="vllm", disable_log_stats=True)  # fmt: skip
    together.wait()
    began = time.time()
    params = [SamplingParams(temperature=0.0, max_tokens=limit, detokenize=False) for _, limit in prompts]
    outputs = engine.generate([{"prompt_token_ids": ids} for ids, _ in prompts], params, use_tqdm=False)
    tokens = sum(len(output.prompt_token_ids) + len(output.outputs[0].token_ids) for output in outputs)
    results.put((began, time.time(), tokens))


def by_itself(model: Path, texts: list[str], kind: str) -> dict[str, Any]:
    """Ask an engine of the package without Spark."""
    prompts = prompts_of(model, texts)
    began = time.monotonic()
    engine = create(engine_settings({"kind": kind, "model": str(model), "device": "cuda"}))
    engine.generate(prompts[:2])
    load, began = time.monotonic() - began, time.monotonic()
    with nvidia.Watch() as watch:
        answers = engine.generate(prompts)
    seconds = time.monotonic() - began
    engine.close()
    tokens = sum(answer.prompt_tokens + answer.output_tokens for answer in answers)
    taken = getattr(engine, "taken", {})
    return {"tokens": tokens, "seconds": seconds, "load": load, "busy": _busy(watch), "taken": taken}


def refine(model: Path, texts: list[str]) -> dict[str, Any]:
    """Run `prox-spark refine` with its defaults, as a user does; the seconds are those of its tasks but loading."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "pages.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        settings = {
            "engine": {"kind": "vllm", "model": str(model), "device": "cuda"},
            "passes": [{"name": "chunk", "profile": PROFILE}],
            "ingest.url_column": None,
            "refine.preflight_texts": 0,
        }
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
        command = [sys.executable, "-m", "prox_spark.cli", "--quiet", "--json", "--lake", f"{folder}/lake"]
        subprocess.run([*command, "ingest", "jsonl", str(source), *options], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([*command, "refine", "chunk", *options], check=True, stdout=subprocess.PIPE, text=True)
    summary = json.loads(done.stdout.strip().splitlines()[-1])
    load = summary["load_seconds"] / max(1, summary["loads"])
    seconds = summary["engine_seconds"] / max(1, summary["loads"]) - load
    tokens = summary["prompt_tokens"] + summary["output_tokens"]
    return {"tokens": tokens, "seconds": seconds, "load": load, "with_spark": summary["seconds"] - load}


def _busy(watch: nvidia.Watch) -> float | None:
    return round(watch.busy_seconds / watch.seconds, 3) if watch.seconds else None


def run(side: str, model: Path, texts: list[str]) -> dict[str, Any]:
    """Run one side here."""
    if side.startswith("alone"):
        return alone(model, texts, int(side.removeprefix("alone")))
    return refine(model, texts) if side == "refine" else by_itself(model, texts, side)


def main() -> None:
    """Run the sides, each in a process of its own, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(run(options.side, options.model, pages(options.pages))))
        return
    if not nvidia.gpus():
        raise SystemExit("no GPU here: NVIDIA's driver lists none")
    print(f"{nvidia.gpus()[0].name}, driver {nvidia.driver_version()}, {options.pages} pages")
    with tempfile.TemporaryDirectory() as folder:
        if options.model is None:
            make_model(Path(folder))
        model = options.model or Path(folder)
        for side in options.sides.split(","):
            command = [sys.executable, __file__, "--side", side, "--model", str(model), "--pages", str(options.pages)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                print(f"{side:14} failed with {done.returncode}")
                continue
            row = json.loads(done.stdout.strip().splitlines()[-1])
            more = {key: value for key, value in row.items() if key not in ("tokens", "seconds")}
            print(
                f"{side:14} {row['tokens'] / row['seconds']:10,.0f} tokens/s in {row['seconds']:6.1f} s  {more}",
                flush=True,
            )


if __name__ == "__main__":
    main()
