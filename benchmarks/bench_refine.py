"""Tokens a second of one chunk pass over real pages: vLLM alone, `prox-spark refine`, a plain pandas UDF, transformers.

    python benchmarks/bench_refine.py [--pages N] [--only udf] [--grammar] [--transformers]

Each side runs in a process of its own on the same prompts, and vLLM alone runs before and after the pass, so that what
else the machine does shows. Loading the model is counted apart everywhere. The model is a random Llama whose answers
have very different lengths; what it says does not matter here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("PROX_SPARK_SHARED", ROOT.parent / "shared" / "data"))
PROFILE = "prox-web-chunk"
PAGES = 96
"""Of some 7,800 tokens each: the pass takes minutes on two cores, beside which the start of a Spark stage is short."""

BATCH = 32  # what the examples in the field hand to the model at a time


def make_model(folder: Path) -> None:
    """Write a random Llama of 29 million weights with Llama's tokenizer; its answers end after 1 to 256 tokens."""
    import shutil

    import torch
    import transformers

    for path in (SHARED / "llama_tokenizer").iterdir():
        shutil.copy(path, folder)
    torch.manual_seed(7)
    config = transformers.LlamaConfig(
        vocab_size=32000,
        hidden_size=320,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=5,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.2,
    )
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight[2] *= 2.0  # an end that comes about every fortieth token, at no fixed place
    model.save_pretrained(folder)


def pages(count: int) -> list[str]:
    import pyarrow.parquet as parquet

    texts: list[str] = parquet.read_table(SHARED / "web_lines_train.parquet", columns=["text"])["text"].to_pylist()
    return texts[:count]


def prompts_of(folder: Path, texts: list[str]) -> list[tuple[list[int], int]]:
    from transformers import AutoTokenizer

    from prox_spark import profiles
    from prox_spark.engines.tokenizer import ModelTokenizer

    tokenizer = ModelTokenizer(AutoTokenizer.from_pretrained(folder).backend_tokenizer)
    profile = profiles.find(PROFILE)
    made = (prompt for text in texts for _, prompt in profiles.prompts(profile, text, tokenizer))
    return [(list(prompt.token_ids or ()), prompt.max_new_tokens) for prompt in made if prompt is not None]


def alone(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Give vLLM every prompt at once, as its own documentation does."""
    os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1"}
    asked = prompts_of(folder, texts)
    began = time.monotonic()
    from vllm import LLM, SamplingParams

    model = LLM(
        str(folder), dtype="float32", enforce_eager=True, enable_prefix_caching=False, max_num_seqs=256,
        generation_config="vllm",
    )  # fmt: skip
    loaded = time.monotonic()
    params = [SamplingParams(temperature=0.0, max_tokens=limit, detokenize=False) for _, limit in asked]
    outputs = model.generate([{"prompt_token_ids": ids} for ids, _ in asked], params, use_tqdm=False)
    seconds = time.monotonic() - loaded
    tokens = sum(len(o.prompt_token_ids) + len(o.outputs[0].token_ids) for o in outputs)
    return {"prompts": len(asked), "tokens": tokens, "seconds": seconds, "load_seconds": loaded - began}


def transformers_side(folder: Path, texts: list[str]) -> dict[str, Any]:
    from prox_spark.config import TransformersSettings
    from prox_spark.engines import Prompt, create

    asked = [Prompt("", tuple(ids), limit) for ids, limit in prompts_of(folder, texts)]
    began = time.monotonic()
    engine = create(TransformersSettings(model=str(folder), device="cpu", threads=os.cpu_count()))
    loaded = time.monotonic()
    answers = engine.generate(asked)
    tokens = sum(item.prompt_tokens + item.output_tokens for item in answers)
    seconds = time.monotonic() - loaded
    return {"prompts": len(asked), "tokens": tokens, "seconds": seconds, "load_seconds": loaded - began}


def plain_transformers(
    folder: Path, texts: list[str], *, cache: str | None = None, compiled: bool = False
) -> dict[str, Any]:
    """Generate with transformers itself on our sorted batches: what another cache or compiling would give."""
    import torch
    from transformers import AutoModelForCausalLM

    from prox_spark.engines.batching import Limits, Request, batches

    asked = [Request(at, tuple(ids), limit) for at, (ids, limit) in enumerate(prompts_of(folder, texts))]
    torch.set_num_threads(os.cpu_count() or 1)
    began = time.monotonic()
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if compiled:
        model.forward = torch.compile(model.forward, dynamic=True)
    loaded = time.monotonic()
    tokens = 0
    for batch in batches(asked, Limits(16, 131_072)):
        width = max(len(request.token_ids) for request in batch)
        ids = torch.tensor([[0] * (width - len(r.token_ids)) + list(r.token_ids) for r in batch])
        mask = torch.tensor([[0] * (width - len(r.token_ids)) + [1] * len(r.token_ids) for r in batch])
        limit = max(request.max_new_tokens for request in batch)
        options = {"max_new_tokens": limit, "do_sample": False, "pad_token_id": 0, "cache_implementation": cache}
        with torch.inference_mode():
            rows = model.generate(input_ids=ids, attention_mask=mask, **options)[:, width:].tolist()
        tokens += sum(len(request.token_ids) for request in batch)
        tokens += sum(row.index(2) + 1 if 2 in row else len(row) for row in rows)
    seconds = time.monotonic() - loaded
    return {"prompts": len(asked), "tokens": tokens, "seconds": seconds, "load_seconds": loaded - began}


TRANSFORMERS: dict[str, Callable[[Path, list[str]], dict[str, Any]]] = {
    "transformers": transformers_side,
    "dynamic": plain_transformers,
    "static": partial(plain_transformers, cache="static"),
    "compiled": partial(plain_transformers, compiled=True),
}


def udf(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Run a pandas UDF that hands each Arrow batch to vLLM and waits for it."""
    import pandas as pd
    from pyspark.sql import functions as F

    from prox_spark.spark.session import session

    asked = prompts_of(folder, texts)
    settings: dict[str, Any] = {"spark.master": "local[2]", "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH)}
    spark = session(**settings)
    where = str(folder)

    @F.pandas_udf("struct<tokens long, load double>")  # type: ignore[attr-defined, untyped-decorator]  # pyspark's own gap
    def generate(ids: pd.Series, limits: pd.Series) -> pd.DataFrame:
        import builtins
        import os
        import time

        began = time.monotonic()
        model = getattr(builtins, "bench_model", None)
        if model is None:
            os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1"}
            from vllm import LLM

            model = LLM(
                where, dtype="float32", enforce_eager=True, enable_prefix_caching=False, max_num_seqs=256,
                generation_config="vllm",
            )  # fmt: skip
            builtins.bench_model = model  # type: ignore[attr-defined]
        from vllm import SamplingParams

        load = time.monotonic() - began
        params = [SamplingParams(temperature=0.0, max_tokens=int(limit), detokenize=False) for limit in limits]
        outputs = model.generate([{"prompt_token_ids": list(row)} for row in ids], params, use_tqdm=False)
        tokens = [len(o.prompt_token_ids) + len(o.outputs[0].token_ids) for o in outputs]
        return pd.DataFrame({"tokens": tokens, "load": [load] + [0.0] * (len(tokens) - 1)})

    frame = spark.createDataFrame(asked, "ids array<int>, max_new int").coalesce(1)
    began = time.monotonic()
    made = frame.select(generate.asNondeterministic()("ids", "max_new").alias("made")).select("made.*")
    [row] = made.agg(F.sum("tokens"), F.sum("load")).collect()
    seconds = time.monotonic() - began
    spark.stop()
    return {"prompts": len(asked), "tokens": row[0], "seconds": seconds - row[1], "load_seconds": row[1]}


def refine(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Run `prox-spark ingest` and `prox-spark refine`, as a user does."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "pages.jsonl"
        source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        passes = json.dumps([{"name": "chunk", "profile": PROFILE}])
        engine = [f"engine.{key}" for key in ("kind=vllm", f"model={folder}", "device=cpu", "max_sequences=256")]
        settings = [f"passes={passes}", "ingest.url_column=null", "refine.preflight_texts=0", *engine]
        options = [part for item in settings for part in ("--set", item)]
        command = [sys.executable, "-m", "prox_spark.cli", "--quiet", "--json", "--lake", f"{place}/lake"]
        subprocess.run([*command, "ingest", "jsonl", str(source), *options], check=True, stdout=subprocess.DEVNULL)
        sample = ["--sample", str(max(8, len(texts) // 4))]
        planned = subprocess.run(
            [*command, "plan", "chunk", *sample, *options], check=True, capture_output=True, text=True
        )
        done = subprocess.run([*command, "refine", "chunk", *options], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    plan = json.loads(planned.stdout.strip().splitlines()[-1])
    tokens = found["prompt_tokens"] + found["output_tokens"]
    return {
        "tokens": tokens,
        "seconds": found["seconds"] - found["load_seconds"],
        "load_seconds": found["load_seconds"],
        "loads": found["loads"],
        "in_tasks": found["engine_seconds"] - found["load_seconds"],
        "errors": found["errors"],
        "planned_tokens": plan["prompt_tokens"] + plan["output_tokens"],
        "planned_seconds": plan["seconds"],
        "took_seconds": found["engine_seconds"],
    }


TRAINED = ROOT / "prox_spark" / "models" / "tiny-lm"


def written(
    folder: Path, texts: list[str], *, constrain: bool | None, speculation: str, profile_name: str = PROFILE
) -> dict[str, Any]:
    """Have our vLLM engine write programs, and execute them: how fast, and how much of them is rejected."""
    from prox_spark import profiles
    from prox_spark.config import engine_settings
    from prox_spark.engines import create
    from prox_spark.program import execute, parse

    settings = {"kind": "vllm", "model": str(folder), "device": "cpu", "speculation": speculation}
    engine = create(engine_settings(settings))
    profile = profiles.find(profile_name, constrain=constrain)
    parts = [(text, part) for text in texts for part in profiles.prompts(profile, text, engine.tokenizer)]
    asked = [(text, chunk, prompt) for text, (chunk, prompt) in parts if prompt is not None]
    began = time.monotonic()
    answers = engine.generate([prompt for _, _, prompt in asked])
    seconds = time.monotonic() - began
    rejected = operations = problems = programs = 0
    for (text, chunk, _), answer in zip(asked, answers, strict=True):
        done = execute(text, [(chunk, answer.text)])
        operations += len(done.operations)
        rejected += sum(operation.status == "rejected" for operation in done.operations)
        found = parse(answer.text, finish_reason=answer.finish_reason).problems
        problems += sum(problem.reason != "truncated" for problem in found)
        programs += bool(done.operations)
    tokens = sum(answer.prompt_tokens + answer.output_tokens for answer in answers)
    out = sum(answer.output_tokens for answer in answers)
    errors = sum(answer.error is not None for answer in answers)
    shares = {"operations": operations, "rejected": rejected, "lines_that_are_none": problems, "errors": errors}
    return {"prompts": len(asked), "tokens": tokens, "out": out, "seconds": seconds, "programs": programs, **shares}


def trained(folder: Path, texts: list[str], *, speculation: str) -> dict[str, Any]:
    """Do the same with the language model that ships, whose answers copy from their prompts as it has learnt to."""
    del folder
    return written(TRAINED, texts, constrain=None, speculation=speculation, profile_name="tiny-lm-chunk")


GRAMMAR = {
    "free": partial(written, constrain=False, speculation="off"),
    "free-ngram": partial(written, constrain=False, speculation="ngram"),
    "grammar": partial(written, constrain=True, speculation="off"),
    "grammar-ngram": partial(written, constrain=True, speculation="ngram"),
    "tiny-lm": partial(trained, speculation="off"),
    "tiny-lm-ngram": partial(trained, speculation="ngram"),
}


def served_side(folder: Path, texts: list[str]) -> dict[str, Any]:
    """Ask `vllm serve` on loopback through our openai engine: the other way to keep one model a GPU."""
    from support.served import served

    from prox_spark.config import engine_settings
    from prox_spark.engines import Prompt, create

    asked = [Prompt("", tuple(ids), limit) for ids, limit in prompts_of(folder, texts)]
    os.environ["BENCH_KEY"] = "bench"
    began = time.monotonic()
    with served(folder, folder / "served.log", key="bench") as url:
        loaded = time.monotonic()
        settings = {"kind": "openai", "url": url, "model": "served", "key_variable": "BENCH_KEY", "in_flight": 512}
        engine = create(engine_settings(settings))
        answers = engine.generate(asked)
        seconds = time.monotonic() - loaded
        engine.close()
    tokens = sum(item.prompt_tokens + item.output_tokens for item in answers)
    return {"prompts": len(asked), "tokens": tokens, "seconds": seconds, "load_seconds": loaded - began}


SIDES: dict[str, Callable[[Path, list[str]], dict[str, Any]]] = {
    "alone": alone,
    "refine": refine,
    "udf": udf,
    "served": served_side,
    **TRANSFORMERS,
    **GRAMMAR,
}


def measure(side: str, folder: Path, count: int) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--model", str(folder), "--pages", str(count)]
    environ = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT}/tests",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
    }
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    found["rate"] = found["tokens"] / found["seconds"]
    print(f"{side:14} {found['rate']:8,.0f} tokens/s   {json.dumps(found)}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--model")
    parser.add_argument("--only", nargs="*", choices=SIDES, default=["udf", "transformers", "served"])
    parser.add_argument("--grammar", action="store_true", help="measure constrained decoding and speculation instead")
    parser.add_argument(
        "--transformers", action="store_true", help="measure transformers' caches and compiling instead"
    )
    options = parser.parse_args()
    if options.side:
        print(json.dumps(SIDES[options.side](Path(options.model), pages(options.pages))))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_model(folder)
        if options.grammar or options.transformers:
            for side in GRAMMAR if options.grammar else TRANSFORMERS:
                measure(side, folder, options.pages)
            return
        before = measure("alone", folder, options.pages)
        ours = measure("refine", folder, options.pages)
        after = measure("alone", folder, options.pages)
        lone = (before["rate"] + after["rate"]) / 2
        if "udf" in options.only:
            measure("udf", folder, max(1, options.pages // 2))
        if "served" in options.only:
            measure("served", folder, max(1, options.pages // 2))
        if "transformers" in options.only:
            measure("transformers", folder, max(1, options.pages // 8))
    print(f"refine / vLLM alone, without loading: {ours['rate'] / lone:.3f}")
    print(f"the same inside the Spark tasks:      {ours['tokens'] / ours['in_tasks'] / lone:.3f}")
    print(f"models loaded:                        {ours['loads']}")
    print(f"planned / taken: {ours['planned_tokens'] / ours['tokens']:.3f} of the tokens, ", end="")
    print(f"{ours['planned_seconds'] / ours['took_seconds']:.3f} of the time")


if __name__ == "__main__":
    main()
