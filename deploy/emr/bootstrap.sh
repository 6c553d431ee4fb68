#!/usr/bin/env bash
# EMR bootstrap action, on every node: bootstrap.sh S3-FOLDER [PACKAGE…]
# Prepares the cgroup that YARN isolates GPUs with, and puts prox_spark into /opt/prox_spark, an environment of its own.
# The packages (vLLM, say) are for nodes with a GPU and are installed only there.
set -euo pipefail

folder=${1:?the S3 folder with the wheel, submit.py, get_gpus.sh and prox.yaml}
shift
python=${PROX_PYTHON:-python3.11}
home=/opt/prox_spark
cgroup=/prox-spark-cgroup

has_gpu() {
  # The driver may not be up yet while bootstrap actions run; the PCI bus knows: vendor 10de is NVIDIA.
  grep -qs '^0x10de' /sys/bus/pci/devices/*/vendor
}

if has_gpu; then
  # YARN isolates GPUs with version 1 cgroups, which Amazon Linux 2023 no longer mounts.
  sudo mkdir -p "$cgroup/devices"
  mountpoint -q "$cgroup/devices" || sudo mount -t cgroup -o devices cgroupv1-devices "$cgroup/devices"
  sudo chmod a+rwx -R "$cgroup"
fi

sudo mkdir -p "$home"
sudo chown "$(id -u):$(id -g)" "$home"
"$python" -m venv "$home"
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
aws s3 cp "$folder" "$draft/" --recursive --no-progress
wheels=("$draft"/prox_spark-*+cluster-*.whl)
"$home/bin/pip" install --quiet --no-cache-dir "${wheels[0]}"
if has_gpu && [ "$#" -gt 0 ]; then
  "$home/bin/pip" install --quiet --no-cache-dir "$@"
fi
install -m 755 "$draft/get_gpus.sh" "$home/bin/get_gpus.sh"
install -m 644 "$draft/prox.yaml" "$home/prox.yaml"
