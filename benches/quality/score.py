"""Scores speech: PESQ wideband (ITU-T P.862.2) of each degraded file against the reference, one number a line.

score.py REFERENCE.wav DEGRADED.wav...   all mono, 16 bits, 16 kHz. Needs the packages pesq, numpy and scipy.
"""
import sys

from pesq import pesq
from scipy.io import wavfile

RATE = 16000


def read(path):
    rate, samples = wavfile.read(path)
    if rate != RATE or samples.ndim != 1:
        sys.exit(f"{path}: not mono at {RATE} Hz")
    return samples


reference = read(sys.argv[1])
for path in sys.argv[2:]:
    print(f"{pesq(RATE, reference, read(path), 'wb'):.3f}", flush=True)
