#!/usr/bin/env python3
"""A Modbus TCP server on pymodbus with known contents, the same shape in every unit.

Addresses 0 to 95 of each table, for unit u (Modbus Application Protocol V1.1b3 §4.4: addresses on the wire start at 0):
  holding register a = u * 1000 + a       writable
  input register a   = u * 1000 + 500 + a, but input register 0 counts the seconds since the start
  coil a             = a is even          writable
  discrete input a   = a is a multiple of 3
Anything above answers with exception 2 (illegal data address).

Events (JSON lines): listening {port}, written {unit, table, address, values}.
"""

import argparse
import asyncio
import functools
import signal
import sys
import time
from pathlib import Path

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

sys.path.insert(0, str(Path(__file__).resolve().parent))

from wire.lines import Lines, when_stdin_ends  # noqa: E402

SIZE = 96
WRITES = {5: "coil", 15: "coil", 6: "holding-register", 16: "holding-register", 22: "holding-register", 23: "holding-register"}
READ_INPUT_REGISTERS = 4


def device(unit: int, lines: Lines) -> SimDevice:
    def bits(rule: object) -> list[SimData]:
        return [SimData(0, values=[bool(rule(a)) for a in range(SIZE)], datatype=DataType.BITS)]

    def registers(first: int) -> list[SimData]:
        return [SimData(0, values=[first + a for a in range(SIZE)], datatype=DataType.REGISTERS)]

    return SimDevice(
        id=unit,
        simdata=(bits(lambda a: a % 2 == 0), bits(lambda a: a % 3 == 0), registers(unit * 1000), registers(unit * 1000 + 500)),
        action=functools.partial(on_access, unit, lines, time.monotonic()),
    )


async def on_access(
    unit: int,
    lines: Lines,
    started: float,
    function: int,
    _start: int,
    address: int,
    _count: int,
    registers: list[int],
    values: list[int] | list[bool] | None,
) -> ExcCodes | None:
    if function == READ_INPUT_REGISTERS:
        registers[0] = int(time.monotonic() - started) & 0xFFFF
    if values is not None and function in WRITES:
        lines.say("written", unit=unit, table=WRITES[function], address=address, values=list(values))
    return None


async def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0, help="0 = any free one, see the event `listening`")
    p.add_argument("--units", default="1", help="unit ids from 1 to 60, separated by commas")
    p.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    options = p.parse_args()
    lines, stop, loop = Lines(), asyncio.Event(), asyncio.get_running_loop()
    devices = [device(int(unit), lines) for unit in options.units.split(",")]
    server = ModbusTcpServer(devices, address=(options.address, options.port))
    await server.serve_forever(background=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_stdin:
        when_stdin_ends(lambda: loop.call_soon_threadsafe(stop.set))
    lines.say("listening", port=server.transport.sockets[0].getsockname()[1])
    await stop.wait()
    await server.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
