#!/usr/bin/env python3
"""sqlite_work.py write|check DIR: two databases, one with a rollback journal and one with a write-ahead log, each with
two connections that write in turns; integrity_check, and the rows of each, one line a database."""
import os
import random
import sqlite3
import sys

MODES = ("delete", "wal")


def write(path, mode):
    dice = random.Random(mode)
    one, two = sqlite3.connect(path, isolation_level=None), sqlite3.connect(path, isolation_level=None, timeout=30)
    assert one.execute(f"pragma journal_mode={mode}").fetchone()[0] == mode
    one.execute("create table sounds (id integer primary key, name text unique, tempo real, noise blob)")
    for turn in range(20):
        connection = (one, two)[turn % 2]
        connection.execute("begin immediate")
        for _ in range(40):
            connection.execute("insert or replace into sounds (name, tempo, noise) values (?, ?, ?)",
                               (f"kick {dice.randrange(600)}", dice.random() * 200, dice.randbytes(dice.randrange(3000))))
        connection.execute("delete from sounds where tempo < ?", (dice.random() * 10,))
        connection.execute("rollback" if turn % 7 == 3 else "commit")
    one.execute("update sounds set tempo = tempo * 2")
    one.execute("vacuum")
    two.execute("create index by_tempo on sounds (tempo)")
    two.close()
    one.close()


def check(path):
    connection = sqlite3.connect(path)
    assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
    rows, tempo, length = connection.execute("select count(*), sum(tempo), sum(length(noise)) from sounds").fetchone()
    assert rows > 100
    connection.close()
    return f"{rows} rows, {tempo:.6f}, {length} bytes"


for journal in MODES:
    database = os.path.join(sys.argv[2], f"{journal}.sqlite")
    if sys.argv[1] == "write":
        write(database, journal)
    print(journal, check(database))
