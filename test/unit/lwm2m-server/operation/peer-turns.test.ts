import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import type { CoapResponse } from '../../../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { PeerTurns, REQUESTS_PER_PEER } from '../../../../lwm2m-server/operation/peer-turns.ts';

const PEER = udpPeer('127.0.0.1', 5000);
const OTHER = udpPeer('127.0.0.1', 6000);

describe('lwm2m-server/operation/peer-turns', () => {
  const asked: string[] = [];
  let ends: (() => void)[] = [];
  let turns: PeerTurns;
  beforeEach(() => {
    asked.length = 0;
    ends = [];
    turns = new PeerTurns(async (_peer, { path }) => {
      asked.push(path.join('/'));
      await new Promise<void>((resolve) => ends.push(resolve));
      if (path[0] === 'bad') throw new PlatformError('COAP_TIMEOUT', 'no answer');
      return { code: '2.05' } as CoapResponse;
    });
  });
  const ask = (name: string, options?: { timeoutMs?: number; signal?: AbortSignal }, peer = PEER) =>
    turns.request(peer, { method: 'GET', path: [name] }, options);
  const fill = () => Array.from({ length: REQUESTS_PER_PEER }, (_, n) => ask(`r${n}`));
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('lets so many of one peer leave at once and the others as those end, in their order', async () => {
    const first = fill();
    const [bad, last] = [ask('bad'), ask('last')];
    void ask('other', undefined, OTHER);
    assert.equal(asked.length, REQUESTS_PER_PEER + 1);
    assert.equal(asked.at(-1), 'other');
    ends[0]!();
    await first[0];
    await turn();
    assert.equal(asked.at(-1), 'bad');
    ends.at(-1)!();
    await assert.rejects(bad, { code: 'COAP_TIMEOUT' });
    await turn();
    assert.equal(asked.at(-1), 'last');
    for (const end of ends) end();
    assert.equal((await last).code, '2.05');
    await Promise.all(first);
  });

  it('waits no longer than the request may take, and not for what is withdrawn or for a peer that is gone', async () => {
    const first = fill();
    await assert.rejects(ask('late', { timeoutMs: 5 }), { code: 'COAP_TIMEOUT' });
    const withdrawing = new AbortController();
    const withdrawn = ask('withdrawn', { signal: withdrawing.signal });
    withdrawing.abort();
    await assert.rejects(withdrawn, { code: 'COAP_CANCELLED' });
    const gone = ask('gone');
    turns.forget(PEER);
    await assert.rejects(gone, { code: 'COAP_CANCELLED' });
    const kept = ask('kept');
    for (const end of ends) end();
    await Promise.all(first);
    await turn();
    assert.deepEqual(asked.slice(REQUESTS_PER_PEER), ['kept']);
    ends.at(-1)!();
    await kept;
  });
});
