#!/usr/bin/env python3
"""Each numbered sentence of docs/SEMANTICS.md is quoted by a test, and what tests quote is what it says.

A test quotes in a comment: the number, and in double quotes words of that sentence, as they stand there.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QUOTE = re.compile(r'^\s*(?://|#) (S\d+) "(.+)"$', re.MULTILINE)


def sentences():
    with open(os.path.join(ROOT, "docs", "SEMANTICS.md"), encoding="utf-8") as file:
        text = file.read()
    found = {}
    for piece in re.split(r"^\* ", text, flags=re.MULTILINE)[1:]:
        number = re.match(r"\*\*(S\d+)\*\*", piece)
        if number:
            if number[1] in found:
                sys.exit(f"{number[1]} is there twice")
            found[number[1]] = " ".join(piece.split("\n\n")[0].split())
    return found


def quotes():
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in names:
            if name.endswith((".cc", ".h", ".sh", ".py")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    for number, words in QUOTE.findall(file.read()):
                        yield os.path.relpath(path, ROOT), number, words


def main():
    said, wrong, quoted = sentences(), [], set()
    for path, number, words in quotes():
        quoted.add(number)
        if words not in said.get(number, ""):
            wrong.append(f'{path}: {number} does not say "{words}"')
    wrong += [f"{number} is quoted by no test" for number in said if number not in quoted]
    print("\n".join(wrong) or f"{len(said)} sentences, each quoted by a test")
    sys.exit(1 if wrong or not said else 0)


main()
