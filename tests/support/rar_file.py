#!/usr/bin/env python3
"""rar_file.py OUT NAME FILE: a RAR archive (version 4) with FILE in it, not packed; no free program writes one."""
import binascii
import struct
import sys


def block(kind, flags, body, data=b""):
    size = 7 + len(body)
    head = struct.pack("<BHH", kind, flags, size) + body
    return struct.pack("<H", binascii.crc32(head) & 0xFFFF) + head + data


def main():
    out, name, source = sys.argv[1:4]
    with open(source, "rb") as file:
        data = file.read()
    entry = struct.pack("<IIBIIBBHI", len(data), len(data), 3, binascii.crc32(data), 0x5A6B0000, 20, 0x30,
                        len(name), 0o100644) + name.encode()
    with open(out, "wb") as file:
        file.write(b"Rar!\x1a\x07\x00")
        file.write(block(0x73, 0, b"\0" * 6))
        file.write(block(0x74, 0x8000, entry, data))
        file.write(block(0x7B, 0x4000, b""))


main()
