"""What spark-submit runs: one prox-spark command line inside the session that spark-submit has set up.

spark-submit … deploy/submit.py refine doc --lake s3://bucket/lake
"""

import sys

from prox_spark.cli import main

sys.exit(main())
