#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write a CompressAI checkpoint (.pth, .pth.tar) as safetensors, for
`nmodel import`:

    training/compressai_to_safetensors.py mean-3-e522738d.pth.tar state.safetensors
    nmodel import state.safetensors -o mean-3.safetensors
"""
import sys

import torch

import safetensors


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    state = torch.load(sys.argv[1], map_location='cpu')
    for key in ('state_dict', 'model'):
        if key in state:
            state = state[key]
    tensors = {k.removeprefix('module.'): v.detach().float().numpy()
               for k, v in state.items() if torch.is_tensor(v)
               and v.is_floating_point()}
    safetensors.save(sys.argv[2], tensors, {'source': 'CompressAI'})


if __name__ == '__main__':
    main()
