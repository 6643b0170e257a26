#!/usr/bin/env bash
# The exact commands that made the learned fields in this folder, half a minute each. Run through `make fields`.
set -eu
cd "$(dirname "$0")"
# The field of the first half of a training, for the scenario dead-token-forecast.
gasfield fit recordings/kjv-bf16.h5 --frames 0:251 --rows dead,lattice --blocks 40 --overwrite -o kjv-bf16-first-half.h5 \
  --model '{kind: linear, target: gradient, windows: 12, rank: 1, symmetric: true}'
