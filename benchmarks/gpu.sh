#!/usr/bin/env bash
# Measure a GPU within 6 minutes: bash benchmarks/gpu.sh [FOLDER]. It needs jax with CUDA, optax, equinox and pandas;
# PyTorch takes part if it is installed. The table is FOLDER/gpu.md; record it as benchmarks/results/gpu-CARD.md.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-${OUT:-runs/gpu}}
mkdir -p "$out"
export PYTHONPATH=$PWD XLA_PYTHON_CLIENT_PREALLOCATE=false PYTHONUNBUFFERED=1
(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || echo 'no GPU') | tee "$out/card.txt"
timeout 350 python3 -m benchmarks gpu --out "$out" 2>&1 | tee "$out/gpu.log"
