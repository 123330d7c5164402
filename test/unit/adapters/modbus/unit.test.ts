import assert from 'node:assert/strict';
import type { Values } from '../../../../adapters/modbus/bus.ts';
import { type Point, parseMapping } from '../../../../adapters/modbus/mapping.ts';
import { exceptionError, unreachable } from '../../../../adapters/modbus/modbus-errors.ts';
import { ModbusUnit } from '../../../../adapters/modbus/unit.ts';
import { FakeClock, settled } from '../../lwm2m/client/fake-clock.ts';

interface Access {
  readonly atMs: number;
  readonly kind: string;
  readonly address: number;
  readonly count: number;
}

/** One unit over a bus that answers at once from `registers`, without any timer of its own. */
class Bench {
  readonly clock = new FakeClock();
  readonly accesses: Access[] = [];
  readonly changes: number[] = [];
  readonly reachable: boolean[] = [];
  readonly registers = new Map<number, number>();
  fault: (() => Error | undefined) | undefined;
  readonly unit: ModbusUnit;
  readonly points: readonly Point[];

  constructor(registers: Readonly<Record<string, { address: number; pollMs?: number; quantity?: number }>>) {
    const resources = Object.fromEntries(
      Object.entries(registers).map(([id, entry]) => [id, { type: 'holding-register', ...entry }]),
    );
    const units = [{ unitId: 1, endpointName: 'plc', pollMs: 1_000, objects: { 33000: [resources] } }];
    const mapping = parseMapping(JSON.stringify({ connection: { host: 'h' }, units })).connections[0]!.units[0]!;
    this.points = mapping.points;
    for (const point of this.points) for (let i = 0; i < point.span; i++) this.registers.set(point.address + i, 0);
    this.unit = new ModbusUnit({
      mapping,
      clock: this.clock,
      random: () => 0.5,
      bus: {
        read: async (_, { address, count }, priority) => this.#read(priority, address, count),
        write: async (_, { address, values }) => this.#write(address, values),
      },
      onChange: (point) => this.changes.push(point.address),
      onReachable: (reachable) => this.reachable.push(reachable),
    });
    this.unit.start();
  }

  get polls(): [number, number, number][] {
    return this.accesses.map(({ atMs, address, count }) => [atMs, address, count]);
  }

  #read(kind: string, address: number, count: number): Values {
    this.accesses.push({ atMs: this.clock.now(), kind, address, count });
    const fault = this.fault?.();
    if (fault !== undefined) throw fault;
    const values = Array.from({ length: count }, (_, i) => this.registers.get(address + i));
    if (values.includes(undefined)) throw exceptionError(1, 2);
    return values as number[];
  }

  #write(address: number, values: Values): void {
    this.accesses.push({ atMs: this.clock.now(), kind: 'write', address, count: values.length });
    for (const [i, value] of values.entries()) this.registers.set(address + i, Number(value));
  }
}

const silence = (): Error => unreachable('unit', 'silence');

describe('Modbus unit', () => {
  let bench: Bench;
  afterEach(async () => {
    await bench.unit.stop();
    assert.equal(bench.clock.waiting, 0, 'no timer is left behind');
  });

  it('reads neighbours together, each at its own pace', async () => {
    bench = new Bench({ 0: { address: 0 }, 1: { address: 1 }, 2: { address: 2, pollMs: 2_000 } });
    await bench.clock.pass(3_000);
    assert.deepEqual(bench.polls, [
      [500, 0, 3],
      [1_500, 0, 2],
      [2_500, 0, 3],
    ]);
  });

  it('tells changes only, after the first reading', async () => {
    bench = new Bench({ 0: { address: 0 }, 1: { address: 1 } });
    await bench.clock.pass(1_000);
    assert.deepEqual(bench.changes, [0, 1]);
    bench.registers.set(1, 5);
    await bench.clock.pass(3_000);
    assert.deepEqual(bench.changes, [0, 1, 1]);
  });

  it('answers from the last poll while it is young, else reads, once for all who ask', async () => {
    bench = new Bench({ 0: { address: 0, pollMs: 10_000 } });
    await bench.clock.pass(600);
    const before = bench.accesses.length;
    await bench.unit.values(bench.points[0]!);
    assert.equal(bench.accesses.length, before);
    bench = new Bench({ 0: { address: 0, pollMs: 10_000 } });
    await Promise.all([bench.unit.values(bench.points[0]!), bench.unit.values(bench.points[0]!)]);
    assert.deepEqual(
      bench.accesses.map(({ kind }) => kind),
      ['read'],
    );
  });

  it('leaves a silent unit alone for growing pauses up to the longest', async () => {
    bench = new Bench({ 0: { address: 0 } });
    bench.fault = silence;
    await bench.clock.pass(200_000);
    const pauses = bench.polls.map(([atMs], i, all) => atMs - (all[i - 1]?.[0] ?? 0)).slice(1);
    assert.deepEqual(
      pauses,
      [1_000, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500, 22_500, 22_500, 22_500, 22_500],
    );
    assert.deepEqual(bench.reachable, [false]);
    await assert.rejects(bench.unit.values(bench.points[0]!), { code: 'MODBUS_UNREACHABLE' });
    bench.fault = undefined;
    await bench.clock.pass(30_000);
    assert.deepEqual(bench.reachable, [false, true]);
  });

  it('gives out no value that is older than the silence', async () => {
    bench = new Bench({ 0: { address: 0, pollMs: 60_000 } });
    await bench.clock.pass(1_000);
    bench.fault = silence;
    await bench.clock.pass(60_000);
    await assert.rejects(bench.unit.values(bench.points[0]!), { code: 'MODBUS_UNREACHABLE' });
  });

  it('tries a write even while the unit is left alone, and its answer ends the pause', async () => {
    bench = new Bench({ 0: { address: 0 } });
    bench.fault = silence;
    await bench.clock.pass(20_000);
    bench.fault = undefined;
    await bench.unit.write(bench.points[0]!, 0, [7]);
    assert.equal(bench.unit.reachable, true);
    assert.deepEqual(await bench.unit.values(bench.points[0]!), [7]);
  });

  it('finds the bad register of a merged read and reads it alone from then on', async () => {
    bench = new Bench({ 0: { address: 0 }, 1: { address: 1 }, 2: { address: 2 } });
    bench.registers.delete(1);
    await bench.clock.pass(1_600);
    assert.deepEqual(bench.polls, [
      [500, 0, 3],
      [500, 0, 1],
      [500, 1, 1],
      [500, 2, 1],
      [1_500, 0, 1],
      [1_500, 2, 1],
      [1_500, 1, 1],
    ]);
    bench.registers.set(1, 4);
    await bench.clock.pass(2_000);
    assert.deepEqual(bench.polls.at(-1), [3_500, 0, 3]);
    assert.deepEqual(bench.reachable, []);
  });

  it('reads again what overlaps a write', async () => {
    bench = new Bench({ 0: { address: 0, quantity: 4, pollMs: 60_000 }, 1: { address: 2, pollMs: 60_000 } });
    await bench.clock.pass(1_000);
    const single = bench.points.find((point) => point.quantity === 0)!;
    await bench.unit.write(single, 0, [9]);
    await bench.clock.pass(0);
    await settled();
    assert.deepEqual(
      bench.accesses.slice(-2).map(({ kind, address, count }) => [kind, address, count]),
      [
        ['write', 2, 1],
        ['poll', 0, 4],
      ],
    );
  });
});
