#!/usr/bin/env bash
# Install the vLLM wheel that this machine's NVIDIA driver can run: install_vllm.sh [PYTHON]
#
# vLLM's ordinary wheel is built for CUDA 13, which needs driver 580 or newer. For older drivers, from 525 on, its index
# has the same release built for CUDA 12.9. Nothing is installed on a machine without a GPU, unless VLLM_CUDA says what for.
#
# On Databricks this is an init script: PYTHON is then the one of the runtime, and the runtime's flash-attn and deepspeed
# go, which are compiled for another torch. Settings, as environment variables:
#   VLLM_VERSION  0.32.0
#   VLLM_CUDA     cu129 or cu130, where the driver cannot be asked, as in the build of an image; cu129 runs on every
#                 driver from 525 on
set -euo pipefail

default=python3
[ -x /databricks/python3/bin/python ] && default=/databricks/python3/bin/python
python=${1:-$default}
version=${VLLM_VERSION:-0.32.0}

has_gpu() {
  # The driver may not be up yet while a node starts; the PCI bus knows: vendor 10de is NVIDIA.
  command -v nvidia-smi > /dev/null || grep -qs '^0x10de' /sys/bus/pci/devices/*/vendor
}

driver_version() {
  nvidia-smi --query-gpu=driver_version --format=csv,noheader 2> /dev/null | head -n 1 || modinfo -F version nvidia 2> /dev/null || true
}

variant_for() {
  local major=${1%%.*}
  case $major in
  '' | *[!0-9]*) echo cu129 ;; # nobody knows: CUDA 12.9 runs on old and new drivers
  *)
    if [ "$major" -ge 580 ]; then
      echo cu130
    elif [ "$major" -ge 525 ]; then
      echo cu129
    else
      echo "driver $1 is too old for vLLM $version, which needs 525 or newer" >&2
      return 1
    fi
    ;;
  esac
}

if [ -z "${VLLM_CUDA:-}" ] && ! has_gpu; then
  echo "install_vllm.sh: no GPU on this machine, nothing to install"
  exit 0
fi
driver=$(driver_version)
variant=${VLLM_CUDA:-$(variant_for "$driver")}
echo "install_vllm.sh: driver ${driver:-unknown}, vLLM $version for $variant"
if [ "$python" = /databricks/python3/bin/python ]; then
  "$python" -m pip uninstall --yes --quiet flash-attn deepspeed || true
fi
if [ "$variant" = cu130 ]; then
  "$python" -m pip install --quiet --no-cache-dir "vllm==$version"
else
  "$python" -m pip install --quiet --no-cache-dir "vllm==$version+$variant" \
    --extra-index-url "https://wheels.vllm.ai/$version/$variant" \
    --extra-index-url "https://download.pytorch.org/whl/$variant"
fi
