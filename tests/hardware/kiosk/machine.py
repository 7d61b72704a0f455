"""A virtual machine that is a kiosk, and people who meet it: its power, its network, its screen, orders inside, what others see and hear."""

import json
import math
import os
import re
import socket
import struct
import subprocess
import threading
import time
import zlib


def until(what, is_so, seconds):
    """Waits until something is so; how long it took, in seconds."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if is_so():
            return time.monotonic() - begun
        time.sleep(0.05)
    raise SystemExit(f"{what}: it did not come to that within {seconds} s")


def connect(path, seconds=20):
    until(f"{path}", lambda: os.path.exists(path), seconds)
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    return line


class Machine:
    """The machine. What it keeps stays in its folder from one start to the next."""

    def __init__(self, folder):
        self.folder, self.process, self.log = folder, None, None

    def at(self, name):
        return os.path.join(self.folder, name)

    def power_on(self):
        for name in ("monitor", "orders"):
            if os.path.exists(self.at(name)):
                os.remove(self.at(name))
        disk = "format=raw,if=virtio,file="
        arguments = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2",
            "-no-reboot", "-display", "none", "-vga", "none", "-device", "VGA,edid=on,xres=800,yres=480",
            "-kernel", self.at("vmlinuz"), "-initrd", self.at("initrd.gz"), "-append", "console=ttyS0 quiet panic=1 systemd.journald.forward_to_console=1",
            "-drive", f"{disk}{self.at('root.ext4')},readonly=on", "-drive", f"{disk}{self.at('data.ext4')}",
            "-drive", f"{disk}{self.at('card.fat')}",
            "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,id=nic",
            "-serial", f"file:{self.at('console.log')}", "-serial", f"unix:{self.at('orders')},server=on,wait=off",
            "-monitor", f"unix:{self.at('monitor')},server=on,wait=off"]
        self.log = open(self.at("qemu.log"), "ab")
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.monitor, self.line = connect(self.at("monitor")), connect(self.at("orders"))

    def power_cut(self):
        """Nothing is said to it before, and nothing that it has not given to its disk is there afterwards."""
        self.process.kill()
        self.process.wait()
        self.monitor.close()
        self.line.close()

    def tell(self, order):
        """What the one who built the machine can do with it."""
        self.monitor.sendall(order.encode() + b"\n")
        time.sleep(0.3)
        self.monitor.setblocking(False)
        try:
            self.monitor.recv(65536)
        except BlockingIOError:
            pass
        self.monitor.setblocking(True)

    def plug_network(self, is_in):
        self.tell(f"set_link nic {'on' if is_in else 'off'}")

    def order(self, words, seconds=60):
        """Whoever is root inside does it; what it says."""
        mark = f"done-{time.monotonic_ns()}"
        self.line.settimeout(0.2)
        self.line.sendall(f"{words}\necho {mark[:4]}''{mark[4:]}\n".encode())
        said, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                said += self.line.recv(65536)
            except TimeoutError:
                continue
            if mark.encode() in said:
                return said.decode(errors="replace").split(mark)[0].replace("\r", "").strip()
        raise SystemExit(f"no answer to {words!r}, only {said!r}")

    def listens(self, seconds):
        """Waits until it takes orders."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                return self.order("", 3)
            except SystemExit:
                pass
        raise SystemExit(f"it takes no orders within {seconds} s")

    def screen(self, name):
        """What stands on its screen: width, height and pixels; also written as a picture."""
        path = self.at("screen.ppm")
        if os.path.exists(path):
            os.remove(path)
        self.tell(f"screendump {path}")
        until("a picture of the screen", lambda: os.path.exists(path) and os.path.getsize(path) > 64, 20)
        time.sleep(0.3)
        with open(path, "rb") as file:
            kind, size, _, pixels = file.read().split(b"\n", 3)
        assert kind == b"P6"
        width, height = map(int, size.split())
        write_png(self.at(f"{name}.png"), width, height, pixels)
        return width, height, pixels


def write_png(path, width, height, rgb):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def changed(one, other):
    """Share of the pixels of two screens that differ clearly."""
    pairs = zip(one[2][::3], other[2][::3])
    return sum(abs(a - b) > 24 for a, b in pairs) / (one[0] * one[1])


class Hph:
    """A program of ours on this machine, and what it tells."""

    def __init__(self, program, arguments, log):
        self.told, self.log = [], open(log, "ab")
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            try:
                self.told.append((time.monotonic(), json.loads(line)))
            except ValueError:
                self.told.append((time.monotonic(), {"event": line.decode(errors="replace")}))

    def kill(self):
        self.process.kill()
        self.process.wait()


class Server:
    """The server, at the same port from one start to the next."""

    def __init__(self, folder, program):
        self.data, self.program, self.port, self.hph = os.path.join(folder, "server"), program, 0, None
        self.log = os.path.join(folder, "server.log")

    def start(self):
        listen = f"127.0.0.1:{self.port}"
        self.hph = Hph(self.program, ["serve", "--data", self.data, "--listen", listen, "--json", "--set", "announce=off"], self.log)
        until("the server's invitation", lambda: self.invitation() is not None, 60)
        self.port = int(re.search(r":(\d+)", self.invitation()[6:]).group(1))

    def invitation(self):
        said = " ".join(json.dumps(told) for _, told in self.hph.told)
        found = re.search(r"hph://[^\s\"']*fp=[0-9a-f]+", said)
        return found.group(0) if found else None

    def admin(self, *words):
        """Its owner does something; what is told."""
        done = subprocess.run([self.program, "admin", "--data", self.data, "--json", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"admin {words}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]


class Friend:
    """Somebody in the room who sends a moving picture and speech, and records what comes."""

    def __init__(self, folder, program, invitation, room):
        self.record = os.path.join(folder, "recording")
        self.hph = Hph(program, ["join", invitation, "--room", room, "--name", "Lan", "--state", os.path.join(folder, "lan"), "--json",
            "--video", "test:320x180@10", "--audio", "test", "--speaker", "none", "--record", self.record],
            os.path.join(folder, "lan.log"))
        until("Lan in the room", lambda: any(told["event"] == "joined" for _, told in self.hph.told), 60)

    def kiosk(self, since=0.0):
        """Whether the kiosk is there, with microphone and camera, by what was told since then; none if nothing was."""
        state = None
        for at, told in self.hph.told:
            if at >= since and str(told.get("username", "")).startswith("kiosk-"):
                if told["event"] == "participant":
                    state = (True, told["tracks"]["microphone"]["is_on"], told["tracks"]["camera"]["is_on"])
                elif told["event"] == "participant_gone":
                    state = (False, False, False)
        return state

    def pictures(self, since):
        """Different pictures that were recorded since then (of the wall clock); older ones are taken away, and the newest stays."""
        newest, seen = None, set()
        for folder, _, names in os.walk(self.record):
            for path in (os.path.join(folder, name) for name in names if name.endswith(".jpg")):
                at = os.path.getmtime(path)
                if at >= since:
                    with open(path, "rb") as file:
                        seen.add(hash(file.read()))
                if newest is None or at > newest[0]:
                    if newest:
                        os.remove(newest[1])
                    newest = (at, path)
                elif at < since:
                    os.remove(path)
        self.newest = newest and newest[1]
        return len(seen)

    def loudness(self):
        """Of the last second that was heard of whoever is heard now: root of the mean square."""
        files = [os.path.join(folder, "sound.wav") for folder, _, names in os.walk(self.record) if "sound.wav" in names]
        if not files:
            return 0.0
        with open(max(files, key=os.path.getmtime), "rb") as file:
            data = file.read()
        # What is written stays in memory for a while.
        if len(data) <= 44:
            return 0.0
        rate = struct.unpack("<I", data[24:28])[0]
        samples = struct.unpack(f"<{(len(data) - 44) // 2}h", data[44:44 + (len(data) - 44) // 2 * 2])[-rate:]
        if not samples:
            return 0.0
        power = sum(s * s for s in samples) / len(samples)
        return math.sqrt(power)
