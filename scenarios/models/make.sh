#!/usr/bin/env bash
# The exact command that made kjv-tiny, a GPT-2 of five layers trained on the King James Bible: about nine minutes of
# one core, at loss 2.9 per token of a vocabulary of 1,000. Run through `make models`. Another machine gives other last
# bits, and so another model of the same kind.
set -eu
cd "$(dirname "$0")"
recording=$(mktemp -d)
trap 'rm -r "$recording"' EXIT
gasfield record --corpus texts/kjv.txt.xz --precision fp32 --dead 0 --vocabulary-size 1000 --dimensions 64 --layers 5 \
  --heads 4 --feed-forward 256 --sequence-length 128 --batch 32 --lr 0.002 --steps 2900 --every 1000 --field none \
  --threads 1 --overwrite -o "$recording/kjv.h5" --keep-model kjv-tiny
