"""Documents into files that others read: parquet, jsonl.zst, MosaicML Streaming's MDS, and tokens; no Spark."""

from prox_spark.shards.formats import FORMATS, Format, Layout, Written, write
from prox_spark.shards.mds import index
from prox_spark.shards.place import Place

__all__ = ["FORMATS", "Format", "Layout", "Place", "Written", "index", "write"]
