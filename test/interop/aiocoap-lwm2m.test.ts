import assert from 'node:assert/strict';
import { join } from 'node:path';
import { sleep } from '../../common/lifecycle.ts';
import { parsePath } from '../../lwm2m/path.ts';
import type { AvroRequestKind, AvroType } from '../../schemas/generated/records.ts';
import { type Peer, startAiocoapDevice11 } from '../peers/peers.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type TestGateway } from '../rig/gateway.ts';
import { ALL_FORMATS, closesWith, FORMATS, type Format, Matrix } from './matrix.ts';
import {
  type Answer,
  type More,
  notifiedText,
  Operator,
  observePaths,
  readPaths,
  writeBody,
  writeNodes,
} from './operator.ts';
import { singleValue } from './values.ts';

const EP = 'aiocoap';
const PROVISION_MS = 3 * 60_000;
const ANSWER_MS = 20_000;
const SPEAKS: ReadonlySet<Format> = new Set([
  'TEXT_CODE',
  'OPAQUE_CODE',
  'CBOR',
  'SENML_JSON',
  'SENML_CBOR',
  'LWM2M_CBOR',
]);
const NODES: readonly Format[] = ['TLV', 'JSON_CODE', 'SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR'];
const COMPOSITES: readonly Format[] = ['SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR'];

const VALUES: readonly (readonly [string, AvroType, string, string])[] = [
  ['/3/0/14', 'STRING', '+00:00', 'né "quoted" 漢'],
  ['/26300/0/1', 'INTEGER', '9007199254740993', '-9223372036854775808'],
  ['/3303/0/5700', 'FLOAT', '21.5', '0.1'],
  ['/26300/0/3', 'BOOLEAN', 'true', 'false'],
  ['/26300/0/4', 'OPAQUE', '0001feff', 'ff00ff00'],
];

describe('aiocoap with cbor2, a device of LwM2M 1.1', function () {
  this.timeout(60_000);
  const matrix = new Matrix({
    id: '4-aiocoap',
    title: 'aiocoap 0.4.17 with cbor2 (CoAP, SenML)',
    about: 'The protocol, JSON and CBOR are those of the Python packages; the device on them is a script of the tests.',
  });
  let gateway: TestGateway;
  let operator: Operator;
  let device: Peer;
  let commands = 0;

  before(async function () {
    this.timeout(PROVISION_MS);
    gateway = await startGateway({ modelsDir: join(import.meta.dirname, 'models') });
    operator = await Operator.at(gateway);
    device = await startAiocoapDevice11({ server: `127.0.0.1:${gateway.coapPort}`, endpoint: EP });
  });
  after(async () => {
    device?.process.stdin.end();
    await device?.exited;
    await gateway?.close();
  });

  async function tell(what: string, more: object = {}): Promise<string> {
    const id = ++commands;
    device.process.stdin.write(`${JSON.stringify({ id, do: what, ...more })}\n`);
    const answer = await device.waitFor((e) => (e.event === 'done' || e.event === 'failed') && e.id === id, ANSWER_MS);
    assert.equal(answer.event, 'done', String(answer.reason));
    return String(answer.result);
  }

  /** Done by a device that speaks the format, refused by name otherwise. */
  async function inFormat(
    row: string,
    format: Format,
    kind: AvroRequestKind,
    path: string,
    more: More,
    good: string,
  ): Promise<Answer | undefined> {
    const answer = await operator.ask(EP, kind, path, { ...more, format });
    const refusal = kind.startsWith('write') ? 'UNSUPPORTED_CONTENT_FORMAT' : 'NOT_ACCEPTABLE';
    assert.equal(answer.code, SPEAKS.has(format) ? good : refusal, `${row} in ${format}: ${answer.message}`);
    matrix.cell(row, format, answer.code === good ? 'yes' : answer.code);
    return answer.code === good ? answer : undefined;
  }

  it('registers and updates', async () => {
    assert.equal(await tell('register'), '2.01');
    assert.equal(await tell('update'), '2.04');
    for (const each of ['register', 'update']) matrix.plain(each);
  });

  for (const [path, type, held, written] of VALUES) {
    it(`read and write ${type.toLowerCase()}`, async () => {
      const name = type.toLowerCase();
      for (const format of ALL_FORMATS.filter((each) => each !== 'OPAQUE_CODE' || type === 'OPAQUE')) {
        const read = await inFormat(`read ${name}`, format, 'read', path, {}, 'CONTENT');
        if (read !== undefined) assert.equal(read.content, held, format);
      }
      const body = writeBody('REPLACE', singleValue(parsePath(path), type, written));
      for (const format of ALL_FORMATS.filter((each) => each !== 'OPAQUE_CODE' || type === 'OPAQUE')) {
        const from = device.events.length;
        const write = await inFormat(`write ${name}`, format, 'write', path, { body }, 'CHANGED');
        if (write === undefined) continue;
        const said = await device.waitFor((e) => e.event === 'written' && e.path === path, ANSWER_MS, from);
        assert.equal(said.value, written, format);
      }
    });
  }

  it('read an instance and several values', async () => {
    for (const format of NODES) {
      const instance = await inFormat('read instance', format, 'read', '/3303/0', {}, 'CONTENT');
      if (instance !== undefined) assert.equal(instance.content, '5700=0.1; 5701=Cel', format);
      const several = await inFormat('read several integers', format, 'read', '/26300/0/11', {}, 'CONTENT');
      if (several !== undefined)
        assert.equal(several.content, '{0=-9223372036854775808, 1=9223372036854775807}', format);
    }
  });

  it('composite: FETCH and iPATCH', async () => {
    for (const [index, format] of COMPOSITES.entries()) {
      const paths = readPaths(['/3/0/0', '/3303/0/5701', '/26300/0/11']);
      const read = await inFormat('read-composite', format, 'readComposite', '/', { body: paths }, 'CONTENT');
      if (read !== undefined) {
        const several = '{0=-9223372036854775808, 1=9223372036854775807}';
        assert.deepEqual(read.nodes, {
          '/3/0/0': 'zeelos aiocoap device',
          '/3303/0/5701': 'Cel',
          '/26300/0/11': several,
        });
      }
      const text = `+0${index}:00`;
      const nodes = [
        { path: '/3/0/14', content: singleValue(parsePath('/3/0/14'), 'STRING', text) },
        { path: '/26300/0/3', content: singleValue(parsePath('/26300/0/3'), 'BOOLEAN', 'true') },
      ];
      const from = device.events.length;
      if (
        (await inFormat('write-composite', format, 'writeComposite', '/', { body: writeNodes(nodes) }, 'CHANGED')) ===
        undefined
      )
        continue;
      const said = device.events
        .slice(from)
        .filter((e) => e.event === 'written')
        .map((e) => `${e.path}=${e.value}`);
      assert.deepEqual(said, [`/3/0/14=${text}`, '/26300/0/3=true']);
    }
  });

  it('observes resources, instances and composites; each is cancelled', async () => {
    const both = ['/3/0/9', '/3303/0/5700'];
    const cases = [
      ['observe resource', 'observe', '/3303/0/5700', ALL_FORMATS.filter((each) => each !== 'OPAQUE_CODE'), null],
      ['observe instance', 'observe', '/3303/0', NODES, null],
      ['observe-composite', 'observeComposite', '/', COMPOSITES, observePaths(both)],
    ] as const;
    let value = 100;
    for (const [row, kind, path, formats, body] of cases) {
      for (const format of formats) {
        const ticket = `${row}-${format}`;
        if ((await inFormat(row, format, kind, path, { ticket, body }, 'CONTENT')) === undefined) continue;
        value += 0.5;
        await tell('set', { path: '/3303/0/5700', value });
        const texts = () => operator.notified(EP, ticket).map(notifiedText);
        await eventually(`${row} in ${format}`, () => texts().some((text) => text.includes(String(value))));
        const from = device.events.length;
        const cancelled = await operator.ask(EP, 'observeCancel', path, { format, body });
        assert.equal(cancelled.code, 'CONTENT', cancelled.message);
        await device.waitFor('observeEnded', ANSWER_MS, from - 1);
        const count = texts().length;
        await tell('set', { path: '/3303/0/5700', value: 0 });
        await sleep(100);
        assert.equal(texts().length, count);
      }
    }
  });

  it('a body of 60 kB there and back in blocks', async () => {
    const large = Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 13 + (i >> 8)) % 256));
    for (const format of ALL_FORMATS) {
      const read = await inFormat('read 60 kB in blocks', format, 'read', '/5/0/0', {}, 'CONTENT');
      if (read !== undefined) assert.ok(Buffer.from(read.content, 'hex').equals(large), format);
      const body = writeBody('REPLACE', singleValue(parsePath('/5/0/0'), 'OPAQUE', large.toString('hex')));
      const from = device.events.length;
      if ((await inFormat('write 60 kB in blocks', format, 'write', '/5/0/0', { body }, 'CHANGED')) === undefined)
        continue;
      const said = await device.waitFor('written', ANSWER_MS, from);
      assert.equal(said.value, `60000 bytes ${large.reduce((sum, byte) => sum + byte, 0)}`);
    }
  });

  it('sends: times absolute and relative, one record for each, also in blocks', async () => {
    for (const [format, number] of [
      ['SENML_JSON', 110],
      ['SENML_CBOR', 112],
    ] as const) {
      const before = operator.sent(EP).length;
      const absolute = [
        { bn: '/3303/0/', bt: 1_700_000_000, n: '5700', v: 1.5 },
        { n: '5700', t: 60, v: 2.5 },
        { n: '5701', t: 60, vs: 'Cel' },
      ];
      assert.equal(await tell('send', { format: number, records: absolute }), '2.04');
      const sent = () => operator.sent(EP).slice(before);
      await eventually('three records', () => sent().length === absolute.length);
      const seen = sent().map((each) => `${each.path} ${each.timestamp} ${notifiedText(each)}`);
      assert.deepEqual(seen.sort(), [
        '/3303/0/5700 1700000000000 1.5',
        '/3303/0/5700 1700000060000 2.5',
        '/3303/0/5701 1700000060000 Cel',
      ]);
      matrix.cell('Send', format, 'yes');
      matrix.plain(`Send with base time, ${FORMATS[format]}`);
      const now = Date.now();
      assert.equal(await tell('send', { format: number, records: [{ n: '/3303/0/5700', t: -5, v: 3.5 }] }), '2.04');
      await eventually('the record of five seconds ago', () => sent().length === absolute.length + 1);
      assert.ok(Math.abs(sent().at(-1)!.timestamp - (now - 5_000)) < 1_000);
      matrix.plain(`Send with relative time, ${FORMATS[format]}`);
      const many = Array.from({ length: 300 }, (_, i) => ({ n: '/3303/0/5700', t: 1_710_000_000 + i, v: i / 8 }));
      assert.equal(await tell('send', { format: number, records: many }), '2.04');
      await eventually('all of them', () => sent().length === absolute.length + 1 + many.length);
      matrix.plain(`Send of 300 records in blocks, ${FORMATS[format]}`);
    }
    const before = operator.sent(EP).length;
    assert.equal(await tell('sendTree', { values: { '/3303/0/5700': 4.5, '/3/0/9': 50 } }), '2.04');
    await eventually('both values', () => operator.sent(EP).length === before + 2);
    const seen = operator
      .sent(EP)
      .slice(before)
      .map((each) => `${each.path}=${notifiedText(each)}`);
    assert.deepEqual(seen.sort(), ['/3/0/9=50', '/3303/0/5700=4.5']);
    matrix.cell('Send', 'LWM2M_CBOR', 'yes');
    assert.equal(await tell('send', { format: 110, records: [] }), '4.00');
  });

  it('executes, discovers, deletes, de-registers', async () => {
    const body = { 'io.zeelos.leshan.avro.request.AvroExecuteRequest': { parameters: "0='x'" } } as const;
    const from = device.events.length;
    assert.equal((await operator.ask(EP, 'execute', '/3/0/4', { body })).code, 'CHANGED');
    assert.equal((await device.waitFor('executed', ANSWER_MS, from)).value, "0='x'");
    assert.match((await operator.ask(EP, 'discover', '/3303/0')).links, /<\/3303\/0\/5700>.*<\/3303\/0\/5701>/);
    assert.equal((await operator.ask(EP, 'delete', '/3303/0')).code, 'DELETED');
    assert.equal((await operator.ask(EP, 'read', '/3303/0')).code, 'NOT_FOUND');
    assert.equal(await tell('deregister'), '2.02');
    for (const each of ['execute with arguments', 'discover', 'delete', 'de-register']) matrix.plain(each);
  });

  closesWith(matrix);
});
