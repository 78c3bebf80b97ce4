#!/usr/bin/env python3
"""tagger.py FILE: an enricher in a few lines. Tells how bright a 16-bit WAV is, by how often it crosses zero.

    [[enrich]]
    name = "tagger"
    command = ["python3", "/home/me/tagger.py", "{path}"]
    extensions = ["wav"]

Exit status 0 and one JSON object on stdout are an answer; the last line on stderr is shown if it fails.
"""
import array
import json
import os
import sys
import wave


def main():
    known = json.loads(os.environ.get("CRATEDRIVE_LABELS", "{}"))  # what the drive found out itself
    try:
        with wave.open(sys.argv[1]) as sound:
            if sound.getsampwidth() != 2:
                sys.exit("only 16-bit samples")
            seconds = sound.getnframes() / sound.getframerate()
            samples = array.array("h", sound.readframes(min(sound.getnframes(), 10 * sound.getframerate())))
    except (wave.Error, EOFError) as error:
        sys.exit(f"cannot be read: {error}")
    left = samples[:: sound.getnchannels()]
    crossings = sum((a < 0) != (b < 0) for a, b in zip(left, left[1:]))
    hertz = crossings / 2 / max(min(seconds, 10), 0.001)
    json.dump({"brightness": "dark" if hertz < 500 else "bright", "crossings_hz": round(hertz), "kind": known.get("kind")}, sys.stdout)


main()
