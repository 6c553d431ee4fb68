#!/usr/bin/env bash
# Start one process of a Spark standalone cluster, in the foreground:
#   cluster.sh master
#   cluster.sh worker spark://HOST:7077
# PROX_HOME names the Python environment with pyspark (/opt/prox_spark), SPARK_LOCAL_IP the address to listen on.
set -euo pipefail

role=${1:?master or worker}
home=${PROX_HOME:-/opt/prox_spark}
address=${SPARK_LOCAL_IP:-$(hostname -f)}
SPARK_HOME=$("$home/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
export SPARK_HOME
export PYSPARK_PYTHON=$home/bin/python

case $role in
master)
  exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master \
    --host "$address" --port "${MASTER_PORT:-7077}" --webui-port "${MASTER_WEBUI_PORT:-8080}"
  ;;
worker)
  master=${2:?spark://HOST:7077, as the master prints it}
  options=()
  if command -v nvidia-smi > /dev/null; then
    # The worker offers its GPUs to executors; prox.yaml asks for one each.
    resources=$(mktemp --suffix=.conf)
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    {
      echo "spark.worker.resource.gpu.amount $(nvidia-smi --list-gpus | wc -l)"
      echo "spark.worker.resource.gpu.discoveryScript $here/../gpu/discover_gpus.sh"
    } > "$resources"
    options+=(--properties-file "$resources")
  fi
  exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker "$master" \
    --host "$address" --webui-port "${WORKER_WEBUI_PORT:-8081}" --work-dir "${WORKER_DIR:-/tmp/prox_spark_work}" \
    ${WORKER_CORES:+--cores "$WORKER_CORES"} ${WORKER_MEMORY:+--memory "$WORKER_MEMORY"} "${options[@]}"
  ;;
*)
  echo "cluster.sh: the first word must be master or worker, got $role" >&2
  exit 2
  ;;
esac
