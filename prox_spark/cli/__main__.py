"""Run the command line as `python -m prox_spark.cli`."""

import sys

from prox_spark.cli.entry import main

sys.exit(main())
