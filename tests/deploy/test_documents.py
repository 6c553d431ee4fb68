"""What the README and the pages beside it tell a newcomer to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pyspark
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").rglob("README.md")),
]
NAMED = re.compile(r"(?<![\w/.])((?:conf|deploy|docs|notebooks|tests|prox_spark)/[\w./-]*[\w/])")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert missing == []


def test_every_target_of_make_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|^|^    )make ([a-z-]+)(?=`| |$)", text, re.M))
    assert {"test", "docs", "release"} <= named <= targets


INSTALL = re.compile(r"pip3? install ([^`&;|]*)")


def install_lines(page: Path) -> list[list[str]]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ").replace('\\"', '"')
    return [shlex.split(line, comments=True) for line in INSTALL.findall(re.sub(r"\n", " \n;", text))]


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "notebooks").glob("*.ipynb"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_an_install_line_names_a_checkout_or_a_wheel_and_extras_that_there_are(page: Path) -> None:
    """The name prox-spark is not on PyPI: a line that asks an index for it would install a stranger's package."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.optional-dependencies]")[1]
    extras = set(re.findall(r"^(\w+) = \[", text.split("\n[")[0], re.M))
    for words in install_lines(page):
        for word in words:
            assert not re.match(r"prox[-_]spark(\[|==|$)", word), f"{page.name}: pip install {' '.join(words)}"
            for extra in re.findall(r"^\.\[([\w,]+)\]", word):
                assert set(extra.split(",")) <= extras


def test_what_the_package_itself_says_to_install_is_no_name_of_an_index() -> None:
    files = [*(ROOT / "prox_spark").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    assert [name for name, text in texts.items() if re.search(r"install [^\n]{0,12}prox[-_]spark\[", text)] == []


def test_install_lines_are_found() -> None:
    lines = [words for page in PAGES for words in install_lines(page)]
    assert [".[hf]"] in lines and any(word.startswith("dist/prox_spark-*") for words in lines for word in words)


@pytest.mark.parametrize(
    "name",
    [
        "databricks/prox.yaml",
        "databricks/serving.yaml",
        "emr/prox.yaml",
        "standalone/prox.yaml",
        "kubernetes/prox.yaml",
    ],
)
def test_settings_of_a_cluster_mark_what_is_to_be_filled_in(name: str) -> None:
    lines = (ROOT / "deploy" / name).read_text(encoding="utf-8").splitlines()
    assert sum("FILL IN" in line for line in lines) >= 2
    for line in lines:
        if re.search(r"HOST|model: |lake: ", line) and not line.lstrip().startswith("#"):
            assert "FILL IN" in line, line


def test_workers_of_a_standalone_cluster_get_every_package_that_they_import() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("dependencies = [")[1].split("\n]")[0]
    needed = set(re.findall(r'^    "([a-z0-9-]+)', text, re.M))
    driver = {
        "delta-spark",
        "typer",
        "rich",
        "jinja2",
        "vl-convert-python",
    }  # they come with the wheel, where one types
    page = (ROOT / "deploy" / "standalone" / "README.md").read_text(encoding="utf-8")
    installed = page.split("pip install", 1)[1].split("\n\n")[0]
    assert {name for name in needed - driver if not re.search(rf"[\s\"]{name}\b", installed)} == set()


def requirements(section: str) -> dict[str, str]:
    """Give the requirements of a section of pyproject.toml: versions by name."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split(f"{section} = [")[1].split("\n]")[0]
    return dict(re.findall(r'^    "([a-z0-9_-]+)(.*)"', text, re.M))


def test_the_package_does_not_forbid_the_tokenizers_that_databricks_brings() -> None:
    """Transformers 4.51 of the runtime 17.3 refuses to be imported beside tokenizers 0.22."""
    assert requirements("\ndependencies")["tokenizers"] == ">=0.21"


def test_what_databricks_installs_for_transformers_is_what_the_extra_asks_for() -> None:
    lines = (ROOT / "deploy" / "databricks" / "transformers.txt").read_text(encoding="utf-8").splitlines()
    listed = dict(re.findall(r"^([a-z0-9_-]+)(.*)$", "\n".join(lines), re.M))
    extra = {name: version for name, version in requirements("\nhf").items() if name != "torch"}  # the runtime has it
    assert listed == extra


def test_a_cluster_of_ones_own_gets_the_s3a_that_belongs_to_the_hadoop_of_its_spark() -> None:
    """The page says pyspark 4.2.0, whose Hadoop is 3.5.0; pip's pyspark has no hadoop-aws."""
    jars = Path(pyspark.__file__).parent / "jars"
    page = (ROOT / "deploy" / "standalone" / "README.md").read_text(encoding="utf-8")
    if f"pyspark=={pyspark.__version__}" not in page or not jars.is_dir():
        pytest.skip("this is another Spark than the page installs")
    (hadoop,) = (path.stem.rsplit("-", 1)[1] for path in jars.glob("hadoop-client-api-*.jar"))
    settings = (ROOT / "deploy" / "standalone" / "prox.yaml").read_text(encoding="utf-8")
    assert f"# spark.jars.packages: org.apache.hadoop:hadoop-aws:{hadoop}\n" in settings
    assert list(jars.glob("hadoop-aws-*.jar")) == []
