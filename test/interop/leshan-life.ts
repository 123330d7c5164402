import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../common/lifecycle.ts';
import { parsePath } from '../../lwm2m/path.ts';
import type { AvroRegistrationResponse } from '../../schemas/generated/records.ts';
import { eventually, type Seen } from '../rig/gateway.ts';
import { AWAKE_WINDOW_MS, type Bench, inFormat } from './bench.ts';
import { ALL_FORMATS } from './matrix.ts';
import { cancelBody, executeBody, notifiedText, writeBody } from './operator.ts';
import { UdpRelay } from './udp-relay.ts';
import { singleValue } from './values.ts';

const LARGE_BYTES = 200_000;
const LARGE = Buffer.from(Array.from({ length: LARGE_BYTES }, (_, i) => (i * 31 + (i >> 8)) % 256));
const digestOf = (bytes: Buffer) => `sha256:${bytes.length}:${createHash('sha256').update(bytes).digest('hex')}`;

async function kindsOf(bench: Bench, ep: string): Promise<string[]> {
  const all: Seen<AvroRegistrationResponse>[] = await bench.gateway.registrations();
  return all.filter((seen) => seen.ep === ep && seen.value !== null).map(({ value }) => value!.kind);
}

export function registrationTests(bench: Bench): void {
  const uri = () => `coap://127.0.0.1:${bench.gateway.coapPort}`;

  it('register, update, re-register, de-register: each is a record', async () => {
    const ep = `${bench.peer.endpoint}-life`;
    await bench.clients.device(ep, { serverUri: uri() });
    const mark = bench.clients.mark;
    await bench.clients.tell('update', ep);
    await bench.clients.said(ep, 'updated', {}, mark);
    await bench.clients.tell('restart', ep);
    await bench.clients.said(ep, 'registered', {}, mark);
    await bench.clients.tell('stop', ep);
    await bench.clients.said(ep, 'deregistered');
    assert.deepEqual(await kindsOf(bench, ep), ['NEW', 'UPDATE', 'DELETE', 'NEW', 'DELETE']);
    for (const each of ['register', 'update', 're-register', 'de-register']) bench.peer.matrix.plain(each);
  });

  it('an observation is started again when the device registers anew', async () => {
    const ep = `${bench.peer.endpoint}-again`;
    await bench.clients.device(ep, { serverUri: uri() });
    assert.equal((await bench.operator.ask(ep, 'observe', '/3/0/9', { ticket: 'again' })).code, 'CONTENT');
    const mark = bench.clients.mark;
    await bench.clients.tell('restart', ep);
    await bench.clients.said(ep, 'registered', {}, mark);
    await notifiedAfter(bench, ep, 'again');
    await bench.clients.tell('stop', ep);
    bench.peer.matrix.plain('observation after re-registration');
  });

  it('another address (NAT): a notification from it is reset, after the update the observation goes on', async () => {
    const ep = `${bench.peer.endpoint}-nat`;
    const relay = await UdpRelay.before(bench.gateway.coapPort);
    try {
      await bench.clients.device(ep, { serverUri: relay.uri });
      assert.equal((await bench.operator.ask(ep, 'observe', '/3/0/9', { ticket: 'moves' })).code, 'CONTENT');
      await notifiedAfter(bench, ep, 'moves');
      const strangers = await bench.gateway.metric('lwm2m_notifications_wrong_peer_total');
      await relay.move();
      await bench.clients.tell('set', ep, '/3/0/9', '99');
      const reset = async () => (await bench.gateway.metric('lwm2m_notifications_wrong_peer_total')) > strangers;
      await eventually('the notification from the new port is refused', reset);
      bench.peer.matrix.plain('passive cancel (reset)');
      const mark = bench.clients.mark;
      await bench.clients.tell('update', ep);
      await bench.clients.said(ep, 'updated', {}, mark);
      await notifiedAfter(bench, ep, 'moves');
      assert.equal((await bench.operator.ask(ep, 'read', '/3/0/0')).content, 'zeelos peer');
      await bench.clients.tell('stop', ep);
      bench.peer.matrix.plain('observation and commands after an address change');
    } finally {
      await relay.close();
    }
  });
}

/** The branch of a union with null. */
const YES = { boolean: true };
let values = 1_000;

/** Sets new values until one is notified: an observation may be on its way yet. */
async function notifiedAfter(bench: Bench, ep: string, ticket: string): Promise<void> {
  const notified = () => bench.operator.notified(ep, ticket).map(notifiedText);
  let next = Date.now();
  const first = values + 1;
  await eventually('a notification', async () => {
    if (Date.now() >= next) {
      await bench.clients.tell('set', ep, '/3/0/9', String(++values));
      next = Date.now() + 300;
    }
    return notified().some((text) => Number(text) >= first);
  });
}

export function transferTests(bench: Bench): void {
  const { peer } = bench;
  it('200 kB to the device and back, block by block', async () => {
    const body = writeBody('REPLACE', singleValue(parsePath('/26300/0/4'), 'OPAQUE', LARGE.toString('hex')));
    for (const format of ALL_FORMATS) {
      const mark = bench.clients.mark;
      const write = { kind: 'write', path: '/26300/0/4', more: { body }, good: 'CHANGED' } as const;
      if ((await inFormat(bench, 'write 200 kB in blocks', format, write)) !== undefined) {
        const { value } = await bench.clients.said(peer.endpoint, 'written', { path: '/26300/0/4' }, mark);
        assert.equal(value, digestOf(LARGE));
      }
      const read = { kind: 'read', path: '/26300/0/4', good: 'CONTENT' } as const;
      const answer = await inFormat(bench, 'read 200 kB in blocks', format, read);
      if (answer !== undefined) assert.ok(Buffer.from(answer.content, 'hex').equals(LARGE), format);
    }
  });

  it('firmware: pushed into the package, pulled from the package URI', async () => {
    await writeFile(join(bench.firmwareDir, 'image.bin'), LARGE);
    const mark = bench.clients.mark;
    const uri = `coap://127.0.0.1:${bench.gateway.coapPort}/fw/image.bin`;
    const body = writeBody('REPLACE', singleValue(parsePath('/5/0/1'), 'STRING', uri));
    assert.equal((await bench.operator.ask(peer.endpoint, 'write', '/5/0/1', { body })).code, 'CHANGED');
    const { code, value } = await bench.clients.said(peer.endpoint, 'pulled', {}, mark);
    assert.deepEqual([code, value], ['2.05', digestOf(LARGE)]);
    peer.matrix.plain('firmware pull, 200 kB');
    const push = writeBody('REPLACE', singleValue(parsePath('/5/0/0'), 'OPAQUE', LARGE.toString('hex')));
    assert.equal((await bench.operator.ask(peer.endpoint, 'write', '/5/0/0', { body: push })).code, 'CHANGED');
    assert.equal((await bench.clients.said(peer.endpoint, 'written', { path: '/5/0/0' }, mark)).value, digestOf(LARGE));
    peer.matrix.plain('firmware push, 200 kB');
  });
}

export function queueModeTests(bench: Bench): void {
  it('queue mode: commands wait while the device sleeps and leave in order when it updates', async () => {
    const ep = `${bench.peer.endpoint}-queue`;
    const relay = await UdpRelay.before(bench.gateway.coapPort);
    const { operator, clients, peer } = bench;
    const write = (text: string) => writeBody('REPLACE', singleValue(parsePath('/3/0/15'), 'STRING', text));
    try {
      await clients.device(ep, { serverUri: relay.uri, queueMode: true });
      await sleep(AWAKE_WINDOW_MS + 1_200);
      const through = relay.toDevice;
      const read = await operator.give(ep, 'read', '/3/0/0', { queue: YES });
      const older = await operator.give(ep, 'write', '/3/0/15', { queue: YES, coalesce: YES, body: write('older') });
      const newer = await operator.give(ep, 'write', '/3/0/15', { queue: YES, coalesce: YES, body: write('newer') });
      const withdrawn = await operator.give(ep, 'execute', '/3/0/4', { queue: YES, body: executeBody('') });
      const brief = await operator.give(ep, 'read', '/3/0/1', { queue: YES, expiresAt: { long: Date.now() + 1_000 } });
      const replied = async (ticket: string) => (await operator.reply(ticket)).rep.code;
      assert.equal(await replied(older), 'PRECONDITION_FAILED');
      assert.equal((await operator.ask(ep, 'cancel', '/', { body: cancelBody(withdrawn) })).code, 'CHANGED');
      assert.equal(await replied(withdrawn), 'PRECONDITION_FAILED');
      assert.equal(await replied(brief), 'PRECONDITION_FAILED');
      assert.equal(relay.toDevice, through, 'nothing was sent to a sleeping device');
      assert.deepEqual([...operator.repliesTo(read), ...operator.repliesTo(newer)], []);
      const mark = clients.mark;
      await clients.tell('update', ep);
      assert.deepEqual([await replied(read), await replied(newer)], ['CONTENT', 'CHANGED']);
      assert.equal((await clients.said(ep, 'written', { path: '/3/0/15' }, mark)).value, 'newer');
      const all = [read, older, newer, withdrawn, brief];
      assert.deepEqual(
        all.map((ticket) => operator.repliesTo(ticket).length),
        [1, 1, 1, 1, 1],
      );
      await clients.tell('stop', ep);
      for (const each of ['waits and drains', 'expiry', 'coalescing', 'cancel'])
        peer.matrix.plain(`queue mode: ${each}`);
    } finally {
      await relay.close();
    }
  });
}
