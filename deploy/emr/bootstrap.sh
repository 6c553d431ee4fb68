#!/usr/bin/env bash
# EMR bootstrap action, on every node: bootstrap.sh S3-FOLDER WHEEL DELTA-VERSION [VLLM-VERSION]
# Prepares the cgroup that YARN isolates GPUs with, and puts prox_spark into /opt/prox_spark, an environment of its own.
# vLLM is installed on nodes with a GPU, in the build that their driver can run, if a version is given.
set -euo pipefail

folder=${1:?the S3 folder with the wheel, submit.py, get_gpus.sh, install_vllm.sh and prox.yaml}
wheel=${2:?the file name of the wheel}
delta=${3:?the version of the Python package delta-spark, as in the release of EMR}
vllm=${4:-}
python=${PROX_PYTHON:-python3.11}
home=/opt/prox_spark
caches=/mnt/prox_spark
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
  # Triton compiles a stub in C the first time that a model runs: it needs a compiler and Python.h.
  sudo dnf install -y -q gcc "$python-devel"
fi

# Containers of YARN run as another user whose HOME is not writable; configurations.json points their caches here.
sudo mkdir -p "$caches"
sudo chmod 1777 "$caches"

sudo mkdir -p "$home"
sudo chown "$(id -u):$(id -g)" "$home"
"$python" -m venv "$home"
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
for file in "$wheel" get_gpus.sh install_vllm.sh prox.yaml; do
  aws s3 cp "${folder%/}/$file" "$draft/" --no-progress
done
"$home/bin/pip" install --quiet --no-cache-dir "$draft/$wheel"
# EMR brings Delta's JARs; the names of its exceptions in Python it does not bring into an environment of one's own.
"$home/bin/pip" install --quiet --no-cache-dir --no-deps "delta-spark==$delta" importlib-metadata zipp
if [ -n "$vllm" ]; then
  VLLM_VERSION=$vllm bash "$draft/install_vllm.sh" "$home/bin/python"
fi
install -m 755 "$draft/get_gpus.sh" "$home/bin/get_gpus.sh"
install -m 644 "$draft/prox.yaml" "$home/prox.yaml"
