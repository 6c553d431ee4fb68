"""Documents into files that others read: parquet, jsonl.zst, MosaicML Streaming's MDS, and tokens; no Spark."""

from prox_spark.formats.formats import FORMATS, Format, Layout, Written, write
from prox_spark.formats.mds import index
from prox_spark.formats.place import Place

__all__ = ["FORMATS", "Format", "Layout", "Place", "Written", "index", "write"]
