"""What spark-submit runs: one prox-spark command line inside the session that spark-submit has set up.

spark-submit … deploy/submit.py refine doc --lake s3://bucket/lake
"""

import sys

from pyspark.sql import SparkSession

from prox_spark.cli import main

code = main()
if (spark := SparkSession.getActiveSession()) is not None:
    spark.stop()  # the application is this command's own, and its executors are paid for
sys.exit(code)
