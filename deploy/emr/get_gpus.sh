#!/usr/bin/env bash
# Tell Spark which GPUs this node has: {"name": "gpu", "addresses": ["0", "1"]}. Inside a YARN container nvidia-smi lists
# only the GPUs that YARN gave to it.
set -euo pipefail

addresses=$(nvidia-smi --query-gpu=index --format=csv,noheader | sed 's/.*/"&"/' | paste -sd, -)
echo "{\"name\": \"gpu\", \"addresses\": [$addresses]}"
