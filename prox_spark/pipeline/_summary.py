"""What a refine says that it did, whoever wrote the programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefineSummary:
    """What one refine did; zeros when every text had its program already.

    Attributes:
        texts: Distinct texts that got a program.
        duplicates_saved: Further documents with one of these texts, which cost nothing.
        loads: How often a model was loaded, over all workers.
        load_seconds: Time that loading took, summed over the workers.
        engine_seconds: Time that tasks held their engine, loading included, summed over the tasks.
        gpu_seconds: The part of it on a GPU.
        loads_by_wave: The loads of each wave: after the first there should be none.
        gpu_idle_share: Share of the GPU seconds in which no kernel ran, as the driver tells it; None without a GPU.
        max_sequences: Prompts that an engine of vLLM decoded at once; 0 for other engines.
        max_batched_tokens: Tokens that it took in one step; 0 likewise.
        engines_per_gpu: How often a GPU held the model; 0 likewise.
        engine: Kind of the engine that answered; for `auto`, the one that was taken; `near_duplicates` where none did.
        near_duplicates: Texts that are copies of earlier ones, of a pass of that kind.
        tokens_saved: About how many tokens these copies have, which later passes need not read.
    """

    run_id: str
    pass_name: str
    texts: int
    waves: int
    errors: int
    prompt_tokens: int
    output_tokens: int
    seconds: float
    duplicates_saved: int = 0
    loads: int = 0
    load_seconds: float = 0.0
    engine_seconds: float = 0.0
    gpu_seconds: float = 0.0
    loads_by_wave: tuple[int, ...] = ()
    gpu_idle_share: float | None = None
    max_sequences: int = 0
    max_batched_tokens: int = 0
    engines_per_gpu: int = 0
    engine: str = ""
    near_duplicates: int = 0
    tokens_saved: int = 0
