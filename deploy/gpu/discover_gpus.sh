#!/usr/bin/env bash
# Tell Spark which GPUs this machine has: spark.executor.resource.gpu.discoveryScript names this file.
set -eu
if ! found=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null) || [ -z "$found" ]; then
  echo "no GPU: nvidia-smi finds none on this machine" >&2
  exit 1
fi
list=""
for index in $found; do list="$list${list:+,}\"$index\""; done
printf '{"name": "gpu", "addresses": [%s]}\n' "$list"
