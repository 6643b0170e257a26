#!/usr/bin/env bash
# The exact commands that made the learned fields in this folder, half a minute each. Run through `make fields`.
# smollm2-plane.h5, for hot-prompt and cold-prompt, is made by `python token_plane.py`, which needs a model.
set -eu
cd "$(dirname "$0")"
# The field of the first half of a training, for the scenario dead-token-forecast.
gasfield fit recordings/kjv-bf16.h5 --frames 0:251 --rows dead,lattice --blocks 40 --overwrite -o kjv-bf16-first-half.h5 \
  --model '{kind: linear, target: gradient, windows: 12, rank: 1, symmetric: true}'
# The surface of Mueller and Brown from 500 Euler steps of 2000 Brownian particles, for the scenario learned-surface.
teacher=$(mktemp -d)
trap 'rm -r "$teacher"' EXIT
gasfield run mueller-brown -o "$teacher/run" --set 'dynamics={kind: brownian, scheme: euler_maruyama, time_step: 1.0e-4}' \
  --set 'gas.0.from.spread=0.3' --set 'gas.0.from.centre=[-0.3, 0.9]' --set run.steps=700 --set run.record_every=1 \
  --set 'diagnostics=[]'
gasfield fit "$teacher/run" --frames 200:701 --model potential --overwrite -o mueller-brown.h5
