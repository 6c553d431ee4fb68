"""The tagger engine with the weights that ship."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prox_spark.chunks import number_lines
from prox_spark.engines import Prompt, TaggerEngine
from prox_spark.engines.tagger import shipped_weights
from prox_spark.errors import EngineError
from prox_spark.program import execute, parse

MENU = ["Home", "About Us", "Contact Us", "Login", "Subscribe to our newsletter"]
PROSE = [
    "The river rose over its banks on Tuesday after three days of rain, and the lower town was under water.",
    "Nobody was hurt, the mayor said, but forty families had to leave their houses.",
    "“We have seen floods before, but never one that fast,” said Maria Keller, who has lived there for years.",
    "The bridge to the station stays closed until engineers have looked at its pillars, which may take until Friday.",
]
FOOT = [
    "Share on Facebook",
    "Related articles",
    "Privacy Policy",
    "Terms of Use",
    "© 2024 Example Media. All rights reserved.",
]
PAGE = [*MENU, *PROSE, *FOOT]
CHINESE = [
    "首页", "新闻", "登录", "注册",
    "昨天下了一整天的雨，河水漫过了堤岸，低处的镇子到中午已经被水淹没，许多居民不得不离开自己的房屋，到学校里过夜。",
    "市长说，没有人受伤，但是大约四十个家庭必须在外面住上几天，直到工程师检查完通往车站的那座桥为止。",
    "“我们以前见过洪水，但是从来没有来得这么快的，”在那里住了五十年的王女士说，“大家都没有准备好。”",
    "相关新闻", "联系我们", "版权所有 © 2024",
]  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> TaggerEngine:
    return TaggerEngine()


def refined(engine: TaggerEngine, lines: list[str]) -> str | None:
    [answer] = engine.generate([Prompt("\n".join(number_lines(lines)))])
    assert answer.finish_reason == "stop" and not parse(answer.text).problems
    return execute("\n".join(lines), answer.text).text


def test_menus_and_footers_go_and_the_story_stays(engine: TaggerEngine) -> None:
    assert refined(engine, PAGE) == "\n".join(PROSE)


JAPANESE = [
    "ホーム", "ニュース", "ログイン", "会員登録", "2022年3月3日 18時30分", "ツイート", "シェアする",
    "市立図書館は三日、改修工事が終わり、来月一日に新しく開館すると発表した。",
    "館内には子ども向けの読書コーナーや、自習に使える席が百席以上設けられる。",
    "「長い間お待たせしましたが、皆さまに喜んでいただける施設になったと思います。」と館長の佐藤さんは話している。",
    "開館時間は午前九時から午後八時までで、月曜日は休館となる。",
    "関連記事", "駅前の再開発計画、来年度に着工へ", "アクセスランキング", "市長選、現職と新人の争い",
    "お問い合わせ", "プライバシーポリシー", "利用規約", "© 2022 地方新聞社 無断転載を禁じます",
]  # fmt: skip
CHINESE_BLOG = [
    "首页", "归档", "标签", "作者：小林", "发表于 2021-01-20", "阅读(1234) 评论(15)",
    "今年冬天我没有回城里，而是留在老家陪父母住了两个月。",
    "母亲每天五点多就起床生火，父亲去后山砍柴，我则负责把鸡放出来。",
    "“你小时候最怕冷。”母亲一边添柴一边说。",
    "我笑了。",
    "晚上没有什么事情，我们三个人围着火炉看电视，外面很静，偶尔能听见狗叫，或者是雪从屋檐上滑下来的声音。",
    "上一篇：秋天的果园", "下一篇：给自己的一封信", "分享", "发表评论", "昵称", "提交", "最新文章", "秋天的果园",
    "友情链接",
]  # fmt: skip


@pytest.mark.parametrize(("page", "first", "last"), [(JAPANESE, 7, 10), (CHINESE_BLOG, 6, 10)])
def test_pages_without_spaces_keep_prose_and_quotations_and_lose_the_rest(
    engine: TaggerEngine, page: list[str], first: int, last: int
) -> None:
    assert refined(engine, page) == "\n".join(page[first : last + 1])


def test_a_chinese_page_keeps_its_story(engine: TaggerEngine) -> None:
    kept = (refined(engine, CHINESE) or "").split("\n")
    assert set(CHINESE[4:6]) <= set(kept)  # it saw English pages only, and may lose a quotation: the card says so
    assert not {"登录", "注册", "联系我们", "版权所有 © 2024"} & set(kept)


def test_blank_lines_share_the_fate_of_the_line_above(engine: TaggerEngine) -> None:
    spaced = [part for line in PAGE for part in (line, "")]
    assert refined(engine, spaced) == "\n".join(part for line in PROSE for part in (line, ""))


def test_a_page_of_boilerplate_is_dropped_and_a_story_is_kept(engine: TaggerEngine) -> None:
    boilerplate, story = "\n".join([*MENU, *FOOT] * 3), "\n".join(PROSE * 3)
    answers = engine.generate([Prompt(text, level="document") for text in (boilerplate, story)])
    assert [answer.text for answer in answers] == ["drop_doc()", "keep_doc()"]


def test_answers_do_not_depend_on_the_other_prompts(engine: TaggerEngine) -> None:
    prompts = [Prompt("\n".join(number_lines(lines))) for lines in (PAGE, CHINESE, MENU)]
    assert engine.generate(prompts) == [engine.generate([prompt])[0] for prompt in prompts]


def test_a_page_longer_than_the_window_is_judged_to_its_end(engine: TaggerEngine) -> None:
    lines = [*MENU, *(f"{line} {number}." for number in range(300) for line in PROSE), *FOOT]
    kept = refined(engine, lines) or ""
    assert kept.count("\n") > 1100 and "Privacy Policy" not in kept


def test_it_runs_without_torch() -> None:
    code = "import sys; from prox_spark.engines import TaggerEngine; TaggerEngine(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_weights_of_something_else_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, content in (("missing", None), ("broken", b"no"), ("empty", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(EngineError, match=name):
            TaggerEngine(path)


def test_the_weights_that_ship_are_small() -> None:
    with shipped_weights() as weights:
        assert sum(path.stat().st_size for path in weights.parent.rglob("*") if path.is_file()) <= 40_000_000
