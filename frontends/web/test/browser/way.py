"""A way between two network namespaces: so narrow, so lossy, so long. Each end is a TUN device; packets wait here in between.

python3 way.py NEAR FAR KBIT LOSS_PERCENT DELAY_MS QUEUE_BYTES: makes the devices, gives each to its namespace, and carries until it is
killed. Near is 10.79.0.1, far 10.79.0.2. It speaks to the kernel only: no netem is needed, which not every kernel has.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(name: str, namespace: str, address: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for words in (
        f"ip link set {name} netns {namespace}",
        f"ip -n {namespace} addr add {address}/24 dev {name}",
        f"ip -n {namespace} link set {name} mtu 1500 up",
        f"ip -n {namespace} link set lo up",
    ):
        subprocess.run(words.split(), check=True)
    return end


class Way:
    """One direction: a queue before a narrow place, then a long road."""

    def __init__(self, to: int, kbit: float, loss: float, delay: float, queue: int) -> None:
        self.to, self.kbit, self.loss, self.delay, self.queue = to, kbit, loss, delay, queue
        self.free_at = 0.0
        self.waiting: list[tuple[float, int, bytes]] = []
        self.count = 0
        self.late: list[float] = []

    def take(self, packet: bytes, now: float) -> None:
        """It is lost where it is full, or by chance behind that."""
        begin = max(now, self.free_at)
        if self.kbit > 0:
            if (begin - now) * self.kbit * 125 > self.queue:
                return
            self.free_at = begin + len(packet) / (self.kbit * 125)
        if random.random() * 100 >= self.loss:
            self.count += 1
            heapq.heappush(self.waiting, (max(begin, self.free_at) + self.delay, self.count, packet))

    def give(self, now: float) -> float:
        """Hands out what is there; how long until the next is."""
        while self.waiting and self.waiting[0][0] <= now:
            self.late.append(now - self.waiting[0][0])
            try:
                os.write(self.to, heapq.heappop(self.waiting)[2])
            except OSError:
                pass
        return self.waiting[0][0] - now if self.waiting else 1.0


def main() -> None:
    near, far = sys.argv[1:3]
    kbit, loss, delay_ms, queue = (float(word) for word in sys.argv[3:7])
    mark = str(os.getpid())
    ends = device(f"wn{mark}", near, "10.79.0.1"), device(f"wf{mark}", far, "10.79.0.2")
    ways = [Way(end, kbit, loss, delay_ms / 1000, int(queue)) for end in reversed(ends)]
    print("ready", flush=True)
    told = time.monotonic()
    while True:
        if time.monotonic() > told + 1:
            # How late it was itself, in milliseconds: else nobody could tell a narrow way from a machine that has no time for it.
            told = time.monotonic()
            late = sorted(late for way in ways for late in way.late)
            print("late", round(late[len(late) * 95 // 100] * 1000) if late else 0, flush=True)
            for way in ways:
                way.late.clear()
        wait = min(way.give(time.monotonic()) for way in ways)
        for end in select.select(ends, [], [], max(0.0, min(wait, 0.05)))[0]:
            try:
                while True:
                    ways[ends.index(end)].take(os.read(end, 2048), time.monotonic())
            except BlockingIOError:
                pass


main()
