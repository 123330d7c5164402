import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseMapping } from '../../../../adapters/modbus/mapping.ts';
import { PlatformError } from '../../../../common/errors.ts';

type Json = Record<string, unknown>;
const DEMO_MAPPING = new URL('../../../../adapters/modbus/demo-mapping.json', import.meta.url);
const CONNECTION = { host: '127.0.0.1', port: 502 };

function file(resources: Json, object = '3303'): string {
  const unit = { unitId: 1, endpointName: 'plc', objects: { [object]: [resources] } };
  return JSON.stringify({ connection: CONNECTION, units: [unit] });
}

function faultsOf(text: string): number {
  try {
    parseMapping(text);
  } catch (error) {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'MODBUS_CONFIG');
    return Number(error.details.faults);
  }
  return 0;
}

const register = (more: Json = {}): Json => ({ type: 'input-register', address: 0, ...more });

describe('Modbus mapping', () => {
  it('reads the demo mapping', () => {
    const { connections } = parseMapping(readFileSync(DEMO_MAPPING, 'utf8'));
    assert.deepEqual(
      connections[0]!.units.map((unit) => [unit.endpointName, unit.points.length]),
      [
        ['modbus-climate', 3],
        ['modbus-meter', 5],
      ],
    );
  });

  it('gives defaults, and types from object model and format', () => {
    const text = file({ 5700: register({ format: 'float32' }), 5701: { constant: 'Cel' }, 5604: { constant: 90 } });
    const { connections } = parseMapping(text);
    const unit = connections[0]!.units[0]!;
    assert.deepEqual([connections[0]!.timeoutMs, unit.lifetimeSeconds, unit.maxGap], [1_000, 300, 0]);
    const [point] = unit.points;
    assert.deepEqual(
      [point!.width, point!.span, point!.pollMs, point!.writable, point!.resourceType],
      [2, 2, 1_000, false, 'FLOAT'],
    );
    const integerKeysFirst = unit.constants.map(({ path, value }) => [path.resourceId, value]);
    assert.deepEqual(integerKeysFirst, [
      [5604, { type: 'FLOAT', value: 90 }],
      [5701, { type: 'STRING', value: 'Cel' }],
    ]);
  });

  it('takes the file of the original adapter', () => {
    const { connections } = parseMapping(
      JSON.stringify({
        connection: 'tcp',
        slave: 3,
        endpointName: 'plc',
        tcpSettings: { node: '10.0.0.1', port: 5002, keepalive: true },
        objects: { 26241: [{ 26255: { type: 'holding-register', startAddress: 4, quantity: 3, pollMillis: 500 } }] },
      }),
    );
    const [unit] = connections[0]!.units;
    assert.deepEqual([connections[0]!.host, connections[0]!.port, unit!.unitId], ['10.0.0.1', 5002, 3]);
    const [point] = unit!.points;
    assert.deepEqual([point!.address, point!.quantity, point!.pollMs, point!.writable], [4, 3, 500, true]);
  });

  it('takes several connections', () => {
    const unit = (endpointName: string): Json => ({ unitId: 1, endpointName, objects: {} });
    const connections = ['a', 'b'].map((name) => ({ connection: CONNECTION, units: [unit(name)] }));
    assert.equal(parseMapping(JSON.stringify({ connections })).connections.length, 2);
  });

  it('models what zeelos does not know by its mapping', () => {
    const { models } = parseMapping(
      file({ 1: register(), 2: register({ scale: 0.5 }), 3: { type: 'coil', address: 0 } }, '33001'),
    );
    assert.deepEqual(
      [1, 2, 3].map((id) => models.resource(33001, id)?.type),
      ['INTEGER', 'FLOAT', 'BOOLEAN'],
    );
    assert.equal(models.resource(3303, 5700)?.type, 'FLOAT');
  });

  for (const [what, text, faults] of [
    ['text that is no JSON', '{', 1],
    ['another JSON value', '[]', 1],
    ['no connection and no units', '{}', 2],
    ['an unknown key', file({ 5700: register({ sclae: 2 }) }), 1],
    ['a kind, which is not for the file to say', file({ 5700: register({ kind: 'x' }) }), 1],
    ['both names of one thing', file({ 5700: register({ startAddress: 1 }) }), 1],
    ['an object that is no id', file({ 5700: register() }, '03303'), 1],
    ['an id beyond the last', file({ 65535: register() }), 1],
    ['a serial line', JSON.stringify({ connection: 'rtu', units: [{ unitId: 1, endpointName: 'a', objects: {} }] }), 1],
    ['an address out of range', file({ 5700: register({ address: 65_536 }) }), 1],
    ['a value that reaches out of range', file({ 5700: register({ address: 65_535, format: 'float32' }) }), 1],
    ['a scale of 0', file({ 5700: register({ scale: 0 }) }), 1],
    ['bits for a number', file({ 5700: { type: 'coil', address: 0 } }), 1],
    [
      'a fraction for a whole number',
      file({ 26251: { type: 'holding-register', address: 0, scale: 0.5 } }, '26241'),
      1,
    ],
    ['a single resource with a quantity', file({ 5700: register({ quantity: 2 }) }), 1],
    ['a multiple resource without one', file({ 26255: { type: 'holding-register', address: 0 } }, '26241'), 1],
    ['more registers than one request reads', file({ 1: register({ quantity: 126 }) }, '33001'), 1],
    [
      'more registers than one request writes',
      file({ 1: { type: 'holding-register', address: 0, quantity: 124 } }, '33001'),
      1,
    ],
    ['an input register to write', file({ 5700: register({ writable: true }) }), 1],
    ['an executable resource', file({ 5605: { constant: 1 } }), 1],
    ['a constant of the wrong type', file({ 5701: { constant: 5 } }), 1],
    ['object 1', file({ 1: { constant: 5 } }, '1'), 1],
    ['four faults at once', file({ 5700: { type: 'register', address: -1, pollMs: 1, format: 'int8' } }), 4],
  ] as const) {
    it(`refuses ${what}, ${faults} fault(s) told`, () => assert.equal(faultsOf(text), faults));
  }

  it('refuses an endpoint name that stands twice', () => {
    const unit = { unitId: 1, endpointName: 'a', objects: {} };
    assert.equal(faultsOf(JSON.stringify({ connection: CONNECTION, units: [unit, unit] })), 1);
  });
});
