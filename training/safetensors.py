# SPDX-License-Identifier: BSD-2-Clause
"""Read and write safetensors files with numpy alone."""
import json
import struct

import numpy as np

TYPES = {'F32': np.float32, 'F16': np.float16, 'F64': np.float64,
         'I32': np.int32, 'I64': np.int64, 'U16': np.uint16, 'U8': np.uint8}
NAMES = {np.dtype(v): k for k, v in TYPES.items()}


def load(path):
    """(tensors, metadata)"""
    with open(path, 'rb') as f:
        size, = struct.unpack('<Q', f.read(8))
        header = json.loads(f.read(size))
        body = f.read()
    meta = header.pop('__metadata__', {})
    out = {}
    for name, h in header.items():
        a, b = h['data_offsets']
        out[name] = np.frombuffer(body[a:b], TYPES[h['dtype']]).reshape(
            h['shape'])
    return out, meta


def save(path, tensors, metadata):
    header, offset = {'__metadata__': metadata}, 0
    arrays = {k: np.ascontiguousarray(v) for k, v in sorted(tensors.items())}
    for name, a in arrays.items():
        header[name] = {'dtype': NAMES[a.dtype], 'shape': list(a.shape),
                        'data_offsets': [offset, offset + a.nbytes]}
        offset += a.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for a in arrays.values():
            f.write(a.astype(a.dtype.newbyteorder('<')).tobytes())
