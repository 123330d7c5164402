import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { DEFAULT_LIMITS } from '../../../../lwm2m/coap/limits.ts';
import { PeerState, PeerTable } from '../../../../lwm2m/coap/peer-state.ts';
import { RequestMemory } from '../../../../lwm2m/coap/request-memory.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';

const TICK_MS = 50;
const PEERS = 100_000;

describe('peer table', () => {
  it('is empty again after 100,000 peers came, sent one request each and went', () => {
    const memory = new RequestMemory(DEFAULT_LIMITS);
    const table = new PeerTable(DEFAULT_LIMITS, memory, () => 0);
    for (let i = 0; i < PEERS; i++) {
      const state = table.obtain(udpPeer(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 5683), 0)!;
      state.requests = new Map();
      memory.setReply(state.requests, memory.take(state.requests, 1, i, 0)!, Buffer.alloc(20));
    }
    assert.deepEqual([table.size, memory.entries], [PEERS, PEERS]);
    let now = 0;
    for (; now <= 200_000; now += TICK_MS) table.sweep(now, TICK_MS);
    assert.equal(table.size, PEERS, 'nobody is forgotten within the exchange lifetime');
    for (; now <= 247_000 + 2 * 31_000 + 10_000; now += TICK_MS) table.sweep(now, TICK_MS);
    assert.deepEqual([table.size, memory.entries], [0, 0]);
  });

  it('gives the place of an idle stranger to a newcomer at its limit, never that of a proven peer', () => {
    const memory = new RequestMemory(DEFAULT_LIMITS);
    const table = new PeerTable({ ...DEFAULT_LIMITS, peers: 2 }, memory, () => 0);
    const proven = table.obtain(udpPeer('10.0.0.1', 1), 0)!;
    proven.proven = true;
    const stranger = table.obtain(udpPeer('10.0.0.2', 1), 0)!;
    stranger.requests = new Map();
    const entry = memory.take(stranger.requests, 1, 1, 0)!;
    assert.equal(table.obtain(udpPeer('10.0.0.3', 1), 0), undefined, 'its request is being handled');
    entry.answered = true;
    assert.ok(table.obtain(udpPeer('10.0.0.4', 1), 0) ?? table.obtain(udpPeer('10.0.0.4', 1), 0));
    assert.equal(table.find(stranger.peer), undefined);
    assert.equal(table.find(proven.peer), proven);
    assert.deepEqual([table.size, memory.entries], [2, 0]);
  });

  it('keeps a peer with something under way', () => {
    const table = new PeerTable(DEFAULT_LIMITS, new RequestMemory(DEFAULT_LIMITS), () => 0xffff);
    const state = table.obtain(udpPeer('10.0.0.1', 5683), 0)!;
    state.exchanges = new Map([['token', {} as never]]);
    for (let tick = 0; tick < 10; tick++) table.sweep(1_000_000, TICK_MS);
    assert.equal(table.size, 1);
    assert.deepEqual([state.nextMessageId(0, 247_000), state.nextMessageId(0, 247_000)], [0xffff, 0]);
  });
});

describe('message ids', () => {
  const LIFETIME_MS = 247_000;
  const take = (state: PeerState, count: number, nowMs: number): void => {
    for (let i = 0; i < count; i++) state.nextMessageId(nowMs, LIFETIME_MS);
  };
  const state = (): PeerState => new PeerState(udpPeer('10.0.0.1', 5683), 100, 0);

  it('come back only after the exchange lifetime: more messages are refused with COAP_QUEUE_FULL', () => {
    const busy = state();
    take(busy, 65_536 - 100, 1_000);
    assert.throws(
      () => take(busy, 1, 1_000 + LIFETIME_MS - 1),
      (error) => hasCode(error, 'COAP_QUEUE_FULL'),
    );
    take(busy, 1, 1_001 + LIFETIME_MS);
  });

  it('never run out at one message every 4.5 ms', () => {
    const steady = state();
    for (let i = 0; i < 200_000; i++) steady.nextMessageId(i * 4.5, LIFETIME_MS);
  });
});

describe('request memory', () => {
  it('forgets a request after the exchange lifetime', () => {
    const memory = new RequestMemory(DEFAULT_LIMITS);
    const requests = new Map();
    memory.take(requests, 5, 77, 1_000);
    assert.ok(memory.find(requests, 5, 77, 1_000 + 247_000));
    assert.equal(memory.find(requests, 5, 77, 1_001 + 247_000), undefined);
    assert.equal(memory.find(requests, 5, 78, 1_000), undefined);
  });

  it('replaces the oldest answered one per peer, never one that is being handled', () => {
    const memory = new RequestMemory({ ...DEFAULT_LIMITS, rememberedRequestsPerPeer: 2 });
    const requests = new Map();
    const first = memory.take(requests, 1, 0, 0)!;
    const second = memory.take(requests, 2, 0, 0)!;
    assert.equal(memory.take(requests, 3, 0, 0), undefined);
    second.answered = true;
    assert.ok(memory.take(requests, 3, 0, 0));
    assert.deepEqual([...requests.keys()], [1, 3]);
    memory.setReply(requests, second, Buffer.alloc(100));
    assert.equal(second.reply, undefined, 'forgotten meanwhile');
    assert.equal(first.answered, false);
    assert.equal(memory.entries, 2);
  });

  it('counts the bytes of replies towards its limit', () => {
    const memory = new RequestMemory({ ...DEFAULT_LIMITS, rememberedReplyBytes: 100 });
    const [one, two] = [new Map(), new Map()];
    memory.setReply(one, memory.take(one, 1, 0, 0)!, Buffer.alloc(100));
    assert.equal(memory.take(two, 1, 0, 0), undefined);
    memory.forgetExpired(one, 247_001);
    assert.ok(memory.take(two, 1, 0, 0));
  });
});
