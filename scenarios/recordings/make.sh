#!/usr/bin/env bash
# The exact commands that made the recordings in this folder, about three minutes each on two cores.
# Run through `make recordings`. Training sums in parallel, so another machine or thread count gives other last bits, and
# after a few hundred steps another trajectory of the same kind; each file says what it was made with.
set -eu
cd "$(dirname "$0")"
record() { gasfield record --tracers tracers/lattice.yaml --seed 1 --steps 500 --threads 2 --overwrite "$@"; }
record --precision bf16 -o kjv-bf16.h5
record --precision bf16-fp32state -o kjv-bf16-fp32state.h5
record --precision fp32 --every 10 --hidden-bits 16 --survey-bits 9 -o kjv-fp32.h5
