"""A folder of many small sounds that are all different: hits, notes and loops of make-samples' kind, each cut to many lengths.
Quick to make (a sound is worked out once), and no two files have the same bytes."""
import math
import os
import random
import struct

RATE = 44100
SOUNDS = 200
A_FOLDER = 500  # files


def header(frames):
    size = frames * 2
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, RATE * 2, 2, 16) + \
        b"data" + struct.pack("<I", size)


def sound(number, dice):
    """16-bit frames of a hit, a note or noise, 0.15 to 0.4 s long."""
    frames = dice.randrange(RATE * 15 // 100, RATE * 4 // 10)
    kind, pitch, decay = number % 4, 40 * 2 ** dice.uniform(0, 4), dice.uniform(4, 40)
    phase, out = 0.0, bytearray()
    for i in range(frames):
        t = i / RATE
        envelope = math.exp(-t * decay)
        if kind == 0:
            phase += 2 * math.pi * (pitch + 120 * math.exp(-t * 30)) / RATE
            value = math.sin(phase) * envelope
        elif kind == 1:
            value = dice.uniform(-1, 1) * envelope
        else:
            value = sum(math.sin(2 * math.pi * pitch * n * t) / n for n in range(1, 4)) / 2 * envelope
        out += struct.pack("<h", int(max(-1.0, min(1.0, 0.8 * value)) * 32767))
    return bytes(out)


def make(folder, count, seed=1):
    """`count` files, 500 a folder. The bytes that were written."""
    dice = random.Random(seed)
    sounds = [sound(n, dice) for n in range(min(SOUNDS, count))]
    written = 0
    for number in range(count):
        if number % A_FOLDER == 0:
            top = os.path.join(folder, f"kit {number // A_FOLDER:03d}")
            os.makedirs(top)
        frames = sounds[number % SOUNDS]
        cut = 2 * (number // SOUNDS + 1)  # so many bytes less: another content, and the same to the ear
        data = frames[:len(frames) - cut]
        with open(os.path.join(top, f"{number:06d}.wav"), "wb") as file:
            written += file.write(header(len(data) // 2) + data)
    return written
