"""Build the optional accelerator, the compiled executor of strict mode.

python accelerator/build.py [--to build/prox-accelerator.jar]

Needs a JDK of the version that Spark runs on (`javac`) and pyspark. The classes of characters are written from
`prox_spark/program/characters.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pyspark

from prox_spark.program.characters import RESERVED, UNSPACED, WHITESPACE, WORD, Ranges
from prox_spark.version import __version__

HERE = Path(__file__).parent


def tables() -> str:
    """Write the Java class that holds the tables, and the version that they are of."""

    def table(name: str, ranges: Ranges) -> str:
        numbers = ", ".join(f"0x{code:x}" for pair in ranges for code in pair)
        return f"  static final int[] {name} = {{{numbers}}};\n"

    version = f'  static final String VERSION = "{__version__}";\n'
    named = {"WHITESPACE": WHITESPACE, "UNSPACED": UNSPACED, "WORD": WORD, "RESERVED": RESERVED}
    ranges = "".join(table(name, ranges) for name, ranges in named.items())
    return f"package prox_spark;\n\nfinal class Tables {{\n{version}{ranges}}}\n"


def build(jar: Path) -> None:
    """Compile and pack; the Java 17 of Spark 4 is the floor, also where the compiler is newer."""
    with tempfile.TemporaryDirectory() as folder:
        source, classes = Path(folder, "Tables.java"), Path(folder, "classes")
        source.write_text(tables(), encoding="ascii")
        spark = Path(pyspark.__file__).parent / "jars" / "*"
        compiler = ["javac", "--release", "17", "-cp", str(spark), "-d", str(classes)]
        try:
            subprocess.run([*compiler, str(source), *map(str, sorted(HERE.glob("*.java")))], check=True)
        except FileNotFoundError:
            sys.exit("javac is missing: install a JDK 17 or newer, and put its bin folder on PATH")
        jar.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as packed:
            for compiled in sorted(classes.rglob("*.class")):
                packed.write(compiled, compiled.relative_to(classes))


def main() -> None:
    """Build the JAR and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=HERE.parent / "build" / "prox-accelerator.jar")
    jar = parser.parse_args().to
    build(jar)
    print(jar)


if __name__ == "__main__":
    main()
