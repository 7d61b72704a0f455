"""Judges an echo canceller: AECMOS of what was played, what the microphone heard, and what was sent.

echo.py (st|nst|dt PLAYED.wav HEARD.wav SENT.wav)...   single talk of the far end, of the near end, or double talk; all mono,
16 bits, 16 kHz. One line each: how little echo is heard and how little else was spoiled, both 1 to 5. Needs speechmos,
librosa and onnxruntime.
"""
import sys

from speechmos import aecmos

RATE = 16000

arguments = sys.argv[1:]
for talk, played, heard, sent in zip(*[iter(arguments)] * 4, strict=True):
    scores = aecmos.run({"lpb": played, "mic": heard, "enh": sent}, sr=RATE, talk_type=talk)
    print(f"{scores['echo_mos']:.3f} {scores['deg_mos']:.3f}", flush=True)
