"""Work for a child process (`shared.child`) that goes well or wrong in a named manner."""

import ctypes
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.child_main import Refused

MB = 1024 * 1024


def work(data: bytes, argument: Sequence[str]) -> bytes:
    """What `argument` asks for."""
    manner, *rest = argument
    match manner:
        case "reverse":
            return data[::-1]
        case "environment":
            return msgspec.json.encode(dict(os.environ))
        case "refuse":
            raise Refused(b"not this: " + data)
        case "chatter":
            print("王小明" * 100_000, flush=True)
            print("王小明" * 100_000, file=sys.stderr, flush=True)
            os.write(1, b"native chatter")
            return b"the answer"
        case "crash":
            raise ValueError(data.decode())
        case "kill":
            os.abort()
        case "bomb":
            held = []
            while True:
                held.append(bytes(8 * MB))
        case "take":
            return str(len(bytes(int(rest[0]) * MB))).encode()
        case "native bomb":
            os.write(2, b"memory allocation of 8589934592 bytes failed")
            os.abort()
        case "fault":
            ctypes.string_at(0)
        case "spin":
            while True:
                pass
        case "flood":
            return bytes(int(rest[0]))
        case "deaf":
            os.close(0)
            return b"I did not listen"
        case "tell and sleep":
            Path(rest[0]).write_text(str(os.getpid()))
            time.sleep(60)
    return b""
