"""Keeps pages in its memory and in a file as it is told, and tells their digests.

A page is zero, or the digest of its number and of its value over and over: whoever knows the values knows every byte.
"""

import hashlib
import mmap
import os

PAGE = 4096
FILE = "/home/kept"
ASK, ANSWER = "/tmp/ask", "/tmp/answer"


def page(number, value):
    if value == 0:
        return bytes(PAGE)
    return hashlib.sha256(f"{number} {value}".encode()).digest() * (PAGE // 32)


class Keeper:
    def __init__(self, memory, file):
        self.memory = mmap.mmap(-1, memory * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.file = os.open(FILE, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self.file, file * PAGE)
        self.size = file * PAGE

    def write(self, where, number, value):
        if where == "f":
            os.pwrite(self.file, page(number, value), number * PAGE)
        elif value == 0 and number % 2:
            # Given back to the kernel, and zero when it is read again.
            self.memory.madvise(mmap.MADV_DONTNEED, number * PAGE, PAGE)
        else:
            self.memory[number * PAGE : (number + 1) * PAGE] = page(number, value)

    def obey(self, line):
        word, *rest = line.split()
        if word == "write":
            for one in rest:
                where, number, value = one.split(":")
                self.write(where, int(number), int(value))
        elif word == "drop":
            # What comes next is read from the drive.
            os.fsync(self.file)
            os.sync()
            with open("/proc/sys/vm/drop_caches", "w") as drop:
                drop.write("3")
        memory = hashlib.sha256(self.memory).hexdigest() if word == "tell" else "-"
        file = hashlib.sha256(os.pread(self.file, self.size, 0)).hexdigest() if word == "tell" else "-"
        return f"{memory} {file}\n"


def main(memory, file):
    keeper = Keeper(int(memory), int(file))
    os.mkfifo(ASK)
    os.mkfifo(ANSWER)
    while True:
        with open(ASK) as ask:
            line = ask.read()
        said = keeper.obey(line)
        with open(ANSWER, "w") as answer:
            answer.write(said)


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
