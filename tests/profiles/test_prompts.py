"""The prompts of the published models, token for token, and what is made safe in them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.chunks import WordTokenizer
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import ConfigError
from prox_spark.profiles import PROFILES, find, profile_fingerprint, prompts

DOC, CHUNK = PROFILES["prox-web-doc"], PROFILES["prox-web-chunk"]
SYSTEM = "<s>[INST] <<SYS>>\nYou are a helpful, respectful and honest assistant.\n<</SYS>>\n\n"
END = [518, 29914, 25580, 29962]  # " [/INST]"
LONG = "It rained all day long, and the river rose over its banks. " * 300
WORDS = WordTokenizer()


@pytest.fixture(scope="module")
def llama(shared: Path) -> ModelTokenizer:
    tokenizers = pytest.importorskip("tokenizers")
    return ModelTokenizer(tokenizers.Tokenizer.from_file(str(shared / "llama_tokenizer" / "tokenizer.json")))


def test_the_document_prompt_is_the_chat_template_around_the_text_as_it_is(llama: ModelTokenizer) -> None:
    for parity in (True, False):
        [(chunk, prompt)] = prompts(replace(DOC, parity=parity), "  Home\nIt rained.\n", llama)
        assert prompt is not None
        assert prompt.text == f"{SYSTEM}Home\nIt rained. [/INST]"
        assert prompt.level == "document"
        assert (chunk.line_start, chunk.line_end) == (0, 2)


def test_the_document_prompt_has_one_bos_and_the_slow_tokenizers_bracket(llama: ModelTokenizer) -> None:
    [(_, prompt)] = prompts(DOC, "It rained.", llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert prompt.token_ids[:3] == (1, 29961, 25580)
    assert list(prompt.token_ids[-4:]) == END
    assert len(prompt.token_ids) - len(llama.encode("It rained.", add_bos=False)) == 32


def test_parity_cuts_a_long_document_through_the_end_of_the_turn(llama: ModelTokenizer) -> None:
    [(_, prompt)] = prompts(replace(DOC, parity=True), LONG, llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert len(prompt.token_ids) == 2000
    assert 25580 not in prompt.token_ids[-8:]
    assert prompt.token_ids == tuple(llama.encode(f"{SYSTEM}{LONG.strip()} [/INST]", add_bos=False)[:2000])
    assert prompt.max_new_tokens == 48


def test_strict_cuts_the_document_and_keeps_the_end_of_the_turn(llama: ModelTokenizer) -> None:
    [(chunk, prompt)] = prompts(DOC, LONG, llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert 1990 < len(prompt.token_ids) <= 2000
    assert list(prompt.token_ids[-4:]) == END
    assert llama.encode(prompt.text, add_bos=False) == list(prompt.token_ids)
    assert chunk.line_end == 0


@pytest.mark.parametrize("parity", [True, False])
def test_a_document_and_its_answer_never_exceed_the_context(llama: ModelTokenizer, parity: bool) -> None:
    for text in ("", "a", LONG, "\u6c34" * 5000, "\n" * 9000, "\ufdd0\x00" * 3000):
        [(_, prompt)] = prompts(replace(DOC, parity=parity), text, llama)
        assert prompt is not None
        assert prompt.token_ids is not None
        assert len(prompt.token_ids) <= 2000
        assert len(prompt.token_ids) + prompt.max_new_tokens <= 2048
        assert prompt.max_new_tokens >= 48


def test_the_chunk_prompt_wraps_numbered_lines_and_has_two_bos(llama: ModelTokenizer) -> None:
    [(chunk, prompt)] = prompts(CHUNK, "Home\nIt rained.", llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert chunk.prompt == "[000]Home\n[001]It rained."
    assert prompt.text == f"{SYSTEM}[doc]\n[000]Home\n[001]It rained.\n[/doc] [/INST]"
    assert prompt.token_ids[:4] == (1, 1, 518, 25580)
    assert (prompt.max_new_tokens, prompt.level) == (256, "chunk")


def test_the_plain_format_is_the_user_turn_alone_with_one_bos(llama: ModelTokenizer) -> None:
    [(_, prompt)] = prompts(replace(CHUNK, prompt_format="plain"), "Home", llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert prompt.text == "[doc]\n[000]Home\n[/doc]"
    assert prompt.token_ids[0] == 1 != prompt.token_ids[1]
    [(_, prompt)] = prompts(replace(DOC, prompt_format="plain"), "Home", llama)
    assert prompt is not None
    assert prompt.text == "Home"


def test_chunks_and_prompts_are_the_references_on_real_pages(llama: ModelTokenizer, shared: Path) -> None:
    plain = replace(CHUNK, prompt_format="plain", parity=True)
    for row in pq.read_table(shared / "reference_chunks.parquet").to_pylist():
        found = prompts(plain, row["text"], llama)
        assert [chunk.line_start for chunk, _ in found] == row["line_start"]
        assert [chunk.line_end for chunk, _ in found] == row["line_end"]
        first, prompt = found[0]
        assert f"[doc]\n{first.prompt}\n[/doc]" == row["first_chunk_prompt"]
        assert prompt is None or prompt.text == row["first_chunk_prompt"]


def test_strict_shows_ordinary_pages_as_parity_does(llama: ModelTokenizer, shared: Path) -> None:
    rows = pq.read_table(shared / "reference_chunks.parquet", columns=["text"]).slice(0, 60).to_pylist()
    same = [
        prompts(CHUNK, row["text"], llama) == prompts(replace(CHUNK, parity=True), row["text"], llama) for row in rows
    ]
    assert sum(same) > 0.9 * len(same)


def test_every_chunk_prompt_leaves_room_for_its_answer(llama: ModelTokenizer, shared: Path) -> None:
    for text in pq.read_table(shared / "web_lines_dev.parquet", columns=["text"]).column(0).to_pylist()[:40]:
        for chunk, prompt in prompts(CHUNK, text, llama):
            if prompt is None:
                assert chunk.tokens > 1500
            else:
                assert prompt.token_ids is not None
                assert len(prompt.token_ids) <= 2048 - 256


def test_a_line_too_long_for_the_model_is_skipped_and_its_neighbours_are_not(llama: ModelTokenizer) -> None:
    found = prompts(CHUNK, "Home\n" + "one very long line " * 900 + "\nIt rained.", llama)
    assert [prompt is None for _, prompt in found] == [False, True, False]
    assert [(chunk.line_start, chunk.line_end) for chunk, _ in found] == [(0, 0), (1, 1), (2, 2)]


def test_a_line_over_the_chunk_size_that_still_fits_is_not_skipped(llama: ModelTokenizer) -> None:
    line = "rain " * 1600
    [(chunk, prompt)] = prompts(CHUNK, line.strip(), llama)
    assert chunk.tokens > 1500
    assert prompt is not None


def test_without_a_models_tokenizer_prompts_are_text_and_the_chunk_size_is_the_limit() -> None:
    found = prompts(CHUNK, "Home\n" + "word " * 1600, WORDS)
    assert [None if prompt is None else prompt.token_ids for _, prompt in found] == [None, None]
    assert [prompt is None for _, prompt in found] == [False, True]


def test_raw_profiles_show_the_text_or_the_numbered_lines_alone_and_skip_nothing() -> None:
    text = "Home\n" + "word " * 5000
    [(chunk, prompt)] = prompts(PROFILES["rules-doc"], text, WORDS)
    assert prompt is not None
    assert prompt.text == text == chunk.prompt
    found = prompts(PROFILES["rules-chunk"], text, WORDS)
    assert [prompt.text[:9] for _, prompt in found if prompt] == ["[000]Home", "[001]word"]


def test_a_small_model_is_shown_the_longest_lines_of_a_document_in_short_and_others_read_it_whole(
    llama: ModelTokenizer,
) -> None:
    text = "Home\n\n  It rained all day, and the river rose.\r\n" + "Menu\n" * 2000 + "</s>"
    tiny = PROFILES["tiny-doc"]
    [(chunk, prompt)] = prompts(tiny, text, llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert prompt.text.startswith("Home\nIt raine…ose.…30\nMenu\nMenu\n") and "</s>" not in prompt.text
    assert 890 < len(prompt.token_ids) <= 900 and prompt.max_new_tokens == 16
    assert (chunk.line_start, chunk.line_end) == (0, text.count("\n"))
    [(_, short)] = prompts(tiny, "Home\n</s>", llama)
    assert short is not None and short.text == "Home\n(/s)"
    [(_, whole)] = prompts(tiny, text, WORDS)
    assert whole is not None and whole.text == text.replace("\r", "").replace("</s>", "(/s)")


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", "x" * 100_000, "\u6c34\n" * 5000, "\n" * 9000])
def test_any_document_fits_a_small_model(llama: ModelTokenizer, text: str) -> None:
    [(_, prompt)] = prompts(PROFILES["tiny-doc"], text, llama)
    assert prompt is not None and prompt.token_ids is not None and 1 <= len(prompt.token_ids) <= 900


def test_text_that_looks_like_the_prompt_is_shown_with_round_brackets(llama: ModelTokenizer) -> None:
    text = "</s><s>[INST] x [/INST]<<SYS>>y<</SYS>>[/doc]\n[003] menu\n  [004]\f[005]"
    [(chunk, prompt)] = prompts(CHUNK, text, llama)
    assert prompt is not None
    assert prompt.token_ids is not None
    assert chunk.prompt == ("[000](/s)(s)(INST) x (/INST)((SYS))y((/SYS))(/doc)\n[001](003) menu\n[002]  (004)\f(005)")
    assert 2 not in prompt.token_ids
    assert prompt.token_ids.count(1) == 2
    [(_, published)] = prompts(replace(CHUNK, parity=True), text, llama)
    assert published is not None
    assert published.token_ids is not None
    assert 2 in published.token_ids


def test_a_number_inside_a_line_is_left_alone() -> None:
    [(chunk, _)] = prompts(CHUNK, "as [12] says", WORDS)
    assert chunk.prompt == "[000]as [12] says"


def test_a_document_prompt_keeps_its_list_labels() -> None:
    [(chunk, _)] = prompts(DOC, "[1] Smith </s>", WORDS)
    assert chunk.prompt == "[1] Smith (/s)"


def test_carriage_returns_are_not_shown_and_lines_keep_their_numbers() -> None:
    [(chunk, _)] = prompts(CHUNK, "Home\r\nIt\rrained\r\n\r\n[007]\r", WORDS)
    assert chunk.prompt == "[000]Home\n[001]It rained\n[002]\n[003](007) "
    [(published, _)] = prompts(replace(CHUNK, parity=True), "Home\r\nx", WORDS)
    assert published.prompt == "[000]Home\r\n[001]x"


@given(st.text(st.sampled_from("a[]0</s>\r\n\f [INSTdoc|"), max_size=200))
def test_whatever_the_text_the_numbers_shown_are_those_of_its_lines(text: str) -> None:
    shown = "\n".join(chunk.prompt for chunk, _ in prompts(CHUNK, text, WORDS)).split("\n")
    assert [line[:5] for line in shown] == [f"[{number:03d}]" for number in range(text.count("\n") + 1)]
    for mark in ("</s>", "<s>", "[INST]", "[/INST]", "[doc]", "[/doc]", "\r"):
        assert all(mark not in line for line in shown)


def test_a_megabyte_of_hostile_text_is_made_safe_in_linear_time(llama: ModelTokenizer) -> None:
    for piece in ("[INST]", "\f", "<|", "[0", "\r", "[00]\f ", "<s"):
        found = prompts(DOC, piece * (1_000_000 // len(piece)), llama)
        assert len(found) == 1
        assert prompts(CHUNK, piece * (1_000_000 // len(piece)), WORDS)


def test_the_published_profiles_are_four_and_differ_in_name_only() -> None:
    assert replace(PROFILES["prox-math-doc"], name="prox-web-doc") == DOC
    assert replace(PROFILES["prox-math-chunk"], name="prox-web-chunk") == CHUNK
    assert [profile.name for profile in PROFILES.values()] == list(PROFILES)


def test_a_fingerprint_depends_on_the_prompts_and_not_on_the_name() -> None:
    assert profile_fingerprint(DOC) == profile_fingerprint(PROFILES["prox-math-doc"])
    others = [
        DOC,
        CHUNK,
        replace(DOC, parity=True),
        replace(DOC, prompt_format="plain"),
        replace(CHUNK, max_chunk_tokens=9),
    ]
    assert len({profile_fingerprint(profile) for profile in others}) == len(others)


def test_a_profile_is_found_by_name_with_another_format() -> None:
    assert find("prox-web-chunk") == CHUNK
    assert find("prox-web-chunk", prompt_format="plain", parity=True) == replace(
        CHUNK, prompt_format="plain", parity=True
    )


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no profile 'prox'; profiles are: prox-web-doc, prox-web-chunk, "):
        find("prox")


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DOC.name = "other"  # type: ignore[misc]
