import assert, { AssertionError } from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import { parsePath } from '../../lwm2m/path.ts';
import { eventually } from '../rig/gateway.ts';
import { type Bench, inFormat } from './bench.ts';
import { ALL_FORMATS, type Format } from './matrix.ts';
import { attributesBody, notifiedText, observePaths, readPaths, writeNodes } from './operator.ts';
import { singleValue } from './values.ts';

const OF_NODES: readonly Format[] = ['TLV', 'JSON_CODE', 'SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR'];
const OF_VALUES: readonly Format[] = ALL_FORMATS.filter((format) => format !== 'OPAQUE_CODE');
const OF_COMPOSITES: readonly Format[] = ['SENML_JSON', 'SENML_CBOR', 'LWM2M_CBOR'];
/** Long enough for a notification that should not come to come. */
const SILENCE_MS = 150;

/** What is observed, what the device sets then, and how the notified value contains it. */
const LEVELS: readonly (readonly [string, string, string, readonly Format[], (value: number) => string])[] = [
  ['object', '/3', '/3/0/9', OF_NODES, (value) => `; 9=${value};`],
  ['instance', '/3/0', '/3/0/9', OF_NODES, (value) => `; 9=${value};`],
  ['resource', '/3/0/9', '/3/0/9', OF_VALUES, (value) => `${value}`],
  ['resource instance', '/26300/0/11/0', '/26300/0/11/0', OF_VALUES, (value) => `${value}`],
];

export function observeTests(bench: Bench): void {
  let value = 0;
  for (const [level, path, changed, formats, part] of LEVELS) {
    it(`observe, notify and cancel: ${level}`, async () => {
      const { endpoint } = bench.peer;
      await bench.clients.tell('set', endpoint, changed, '0');
      for (const format of formats) {
        const ticket = `observe-${level}-${format}`;
        const command = { kind: 'observe', path, more: { ticket }, good: 'CONTENT' } as const;
        if ((await inFormat(bench, `observe ${level}`, format, command)) === undefined) continue;
        value += 1;
        await bench.clients.tell('set', endpoint, changed, String(value));
        const notified = () => bench.operator.notified(endpoint, ticket).map(notifiedText);
        await eventually(`a notification of ${path} in ${format}`, () =>
          notified().some((text) => text.includes(part(value))),
        );
        const cancelled = await bench.operator.ask(endpoint, 'observeCancel', path, { format });
        assert.ok(['CONTENT', 'CHANGED', 'DELETED'].includes(cancelled.code), `${cancelled.code} ${cancelled.message}`);
        const count = notified().length;
        await bench.clients.tell('set', endpoint, changed, String(++value));
        await sleep(SILENCE_MS);
        assert.equal(notified().length, count, `${format}: no notification after the cancel`);
        bench.peer.matrix.plain('active cancel');
      }
    });
  }

  it('write-attributes and discover at each level', async () => {
    const { endpoint, matrix } = bench.peer;
    for (const [level, path] of [
      ['object', '/3'],
      ['instance', '/3/0'],
      ['resource', '/3/0/9'],
    ] as const) {
      const found = await bench.operator.ask(endpoint, 'discover', path);
      assert.equal(found.code, 'CONTENT');
      assert.match(found.links, level === 'resource' ? /<\/3\/0\/9>/ : /<\/3\/0\/9>/);
      matrix.plain(`discover ${level}`);
    }
    const body = attributesBody('pmin=1&pmax=300');
    const { code } = await bench.operator.ask(endpoint, 'writeAttributes', '/3/0/9', { body });
    const limit = bench.peer.refuses['write-attributes'];
    assert.equal(code, limit?.code ?? 'CHANGED');
    matrix.plain('write-attributes', code === 'CHANGED' ? 'yes' : code);
    if (limit !== undefined) return matrix.note(`write-attributes: ${limit.why}`);
    assert.match((await bench.operator.ask(endpoint, 'discover', '/3/0/9')).links, /pmin=1/);
    const gone = await bench.operator.ask(endpoint, 'writeAttributes', '/3/0/9', { body: attributesBody('pmin&pmax') });
    assert.equal(gone.code, 'CHANGED', gone.message);
    assert.doesNotMatch((await bench.operator.ask(endpoint, 'discover', '/3/0/9')).links, /pmin/);
  });
}

export function compositeTests(bench: Bench): void {
  it('read-composite', async () => {
    const { endpoint } = bench.peer;
    const body = readPaths(['/3/0/0', '/26300/0/21', '/3/0/11', '/1/0/1']);
    for (const format of OF_COMPOSITES) {
      await bench.clients.tell('set', endpoint, '/26300/0/21', `fixed ${format}`);
      const answer = await inFormat(bench, 'read-composite', format, {
        kind: 'readComposite',
        path: '/',
        more: { body },
        good: 'CONTENT',
      });
      if (answer === undefined) continue;
      const expected = {
        '/3/0/0': 'zeelos peer',
        '/26300/0/21': `fixed ${format}`,
        '/3/0/11': '{0=0}',
        '/1/0/1': '300',
      };
      assert.deepEqual(answer.nodes, expected);
    }
  });

  it('write-composite', async () => {
    const { endpoint } = bench.peer;
    for (const [index, format] of OF_COMPOSITES.entries()) {
      const zone = `Zone/${index}`;
      const nodes = [
        { path: '/3/0/15', content: singleValue(parsePath('/3/0/15'), 'STRING', zone) },
        { path: '/26300/0/1', content: singleValue(parsePath('/26300/0/1'), 'INTEGER', `900719925474099${index}`) },
      ];
      const mark = bench.clients.mark;
      const more = { body: writeNodes(nodes) };
      const answer = await inFormat(bench, 'write-composite', format, {
        kind: 'writeComposite',
        path: '/',
        more,
        good: 'CHANGED',
      });
      if (answer === undefined) continue;
      assert.equal((await bench.clients.said(endpoint, 'written', { path: '/3/0/15' }, mark)).value, zone);
      const integer = await bench.clients.said(endpoint, 'written', { path: '/26300/0/1' }, mark);
      assert.equal(integer.value, `900719925474099${index}`);
    }
  });

  it('observe-composite: one record per path, cancelled by its paths', async () => {
    const { endpoint } = bench.peer;
    const paths = ['/3/0/9', '/26300/0/21'];
    for (const [index, format] of OF_COMPOSITES.entries()) {
      const ticket = `both-${format}`;
      const command = {
        kind: 'observeComposite',
        path: '/',
        more: { ticket, body: observePaths(paths) },
        good: 'CONTENT',
      } as const;
      if ((await inFormat(bench, 'observe-composite', format, command)) === undefined) continue;
      const text = `composite ${index}`;
      await bench.clients.tell('set', endpoint, '/26300/0/21', text);
      const notified = () => bench.operator.notified(endpoint, ticket);
      const has = () => notified().some((record) => record.path === '/26300/0/21' && notifiedText(record) === text);
      await eventually(`a composite notification in ${format}`, has);
      assert.ok(notified().some((record) => record.path === '/3/0/9'));
      const cancelled = await bench.operator.ask(endpoint, 'observeCancel', '/', { format, body: observePaths(paths) });
      assert.ok(['CONTENT', 'CHANGED', 'DELETED'].includes(cancelled.code), `${cancelled.code} ${cancelled.message}`);
      const count = notified().length;
      await bench.clients.tell('set', endpoint, '/26300/0/21', 'after the cancel');
      await sleep(SILENCE_MS);
      assert.equal(notified().length, count);
    }
  });
}

export function sendTests(bench: Bench): void {
  if (bench.peer.version === '1.0') return;
  for (const format of ['SENML_JSON', 'SENML_CBOR'] as const) {
    it(`Send in ${format}: one record per path`, async () => {
      const { endpoint, matrix } = bench.peer;
      const text = `sent in ${format}`;
      await bench.clients.tell('set', endpoint, '/26300/0/21', text);
      assert.equal(await bench.clients.tell('send', endpoint, format, '/26300/0/21', '/3/0/0'), 'CHANGED(204)');
      const sent = () => bench.operator.sent(endpoint);
      await eventually('the value', () =>
        sent().some((each) => each.path === '/26300/0/21' && notifiedText(each) === text),
      );
      assert.ok(sent().some((each) => each.path === '/3/0/0' && notifiedText(each) === 'zeelos peer'));
      matrix.cell('Send', format, 'yes');
    });

    it(`Send with timestamps in ${format}: one record per time`, async () => {
      const { endpoint, matrix } = bench.peer;
      const before = bench.operator.sent(endpoint).length;
      const texts = ['first', 'second', 'third'].map((text) => `${text} in ${format}`);
      const times: number[] = [];
      for (const text of texts) {
        await bench.clients.tell('set', endpoint, '/26300/0/21', text);
        times.push(Date.now());
        await bench.clients.tell('collect', endpoint, '/26300/0/21');
        await sleep(30);
      }
      await bench.clients.tell('sendCollected', endpoint, format);
      const sent = () => bench.operator.sent(endpoint).slice(before);
      await eventually('three records', () => sent().length >= texts.length);
      const ordered = [...sent()].sort((a, b) => a.timestamp - b.timestamp);
      assert.deepEqual(ordered.map(notifiedText), texts);
      for (const [index, record] of ordered.entries()) {
        const late = record.timestamp - times[index]!;
        assert.ok(late >= -1 && late < 30, `${late} ms after the value was collected`);
      }
      matrix.cell('Send with timestamps', format, 'yes');
    });
  }

  it('Send in LwM2M CBOR: Leshan has no encoder for it', async () => {
    const { endpoint, matrix } = bench.peer;
    const before = bench.operator.sent(endpoint).length;
    await assert.rejects(bench.clients.tell('send', endpoint, 'LWM2M_CBOR', '/3/0/0'), AssertionError);
    assert.equal(bench.operator.sent(endpoint).length, before);
    matrix.cell('Send', 'LWM2M_CBOR', 'no encoder');
    matrix.cell('Send with timestamps', 'LWM2M_CBOR', 'no encoder');
  });
}
