"""What the processes of a server cost: processor time and memory, from the kernel."""

import time
from pathlib import Path

PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:  # it ended meanwhile
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += children.get(process, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time, user and system, that processes have used, all threads
    included: their own clocks, which count nanoseconds where /proc/PID/stat counts ticks."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def memory(pids: list[int], field: str = "VmHWM") -> float:
    """Return the resident memory of processes together in MB: the peak, or VmRSS for now's."""
    total = 0
    for pid in pids:
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                total += int(line.split()[1])
    return total / 1024


def machine() -> str:
    """Return what this machine is, in one line."""
    lines = (PROC / "cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    kilobytes = int((PROC / "meminfo").read_text().split()[1])
    return f"{len(names)} × {names[0] if names else 'CPU'}, {kilobytes / 2**20:.0f} GiB of memory"
