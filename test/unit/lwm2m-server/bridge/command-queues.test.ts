import assert from 'node:assert/strict';
import { CommandQueues, PER_ENDPOINT_LIMIT } from '../../../../lwm2m-server/bridge/command-queues.ts';
import { commandIdentity, identityOf } from '../../../../lwm2m-server/bridge/state-entries.ts';
import type { CommandState } from '../../../../schemas/generated/records.ts';

function command(ep: string, ticket: string): CommandState {
  const payload = { kind: 'read', path: '/3/0', contentFormat: 'TLV', body: null } as const;
  return { request: { serverId: 'gw', ep, ticket, payload }, receivedAt: 0, startedAt: null };
}

/** Commands end when the test says so. */
class Stage {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly queues = new CommandQueues(async ({ command: { request } }) => {
    const { ep, ticket } = request;
    this.started.push(`${ep}/${ticket}`);
    await new Promise<void>((resolve) => this.#ends.set(`${ep}/${ticket}`, resolve));
  });

  push(ep: string, ticket: string, bytes = 1): void {
    this.queues.push({ command: command(ep, ticket), bytes, marked: false });
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('lwm2m-server/bridge/command-queues', () => {
  it('runs one at a time per endpoint, in order, and endpoints beside each other', async () => {
    const stage = new Stage();
    for (const ticket of ['1', '2', '3']) stage.push('a', ticket);
    stage.push('b', '1');
    assert.deepEqual(stage.started, ['a/1', 'b/1']);
    await stage.end('a/1');
    assert.deepEqual(stage.started, ['a/1', 'b/1', 'a/2']);
    await stage.end('a/2');
    await stage.end('a/3');
    await stage.end('b/1');
    await stage.queues.idle();
    assert.equal(stage.queues.size, 0);
    stage.push('a', '4');
    assert.equal(stage.started.at(-1), 'a/4');
  });

  it('knows what waits or runs by its identity', async () => {
    const stage = new Stage();
    stage.push('a', '1');
    const identity = commandIdentity(command('a', '1').request);
    assert.equal(identity, identityOf('a', '1', 'read', '/3/0'));
    assert.equal(stage.queues.has(identity), true);
    await stage.end('a/1');
    assert.equal(stage.queues.has(identity), false);
  });

  it('is full for one device without being full for another', () => {
    const stage = new Stage();
    for (let n = 0; n < PER_ENDPOINT_LIMIT; n++) stage.push('a', `${n}`);
    assert.equal(stage.queues.isFullFor('a'), true);
    assert.equal(stage.queues.isFullFor('b'), false);
    assert.equal(stage.queues.hasRoom, true);
  });

  it('has no room at its number of commands nor at its bytes, until some are done', async () => {
    const many = new Stage();
    for (let n = 0; n < 10_000; n++) many.push(`${n}`, '1');
    assert.equal(many.queues.hasRoom, false);
    await many.end('5/1');
    assert.equal(many.queues.hasRoom, true);
    const large = new Stage();
    large.push('a', '1', 32 * 2 ** 20);
    assert.equal(large.queues.hasRoom, false);
    await large.end('a/1');
    assert.equal(large.queues.hasRoom, true);
  });

  it('keeps identities apart whatever is in their parts', () => {
    assert.notEqual(identityOf('a', 'b/c', 'read', '/1'), identityOf('a/b', 'c', 'read', '/1'));
    assert.notEqual(identityOf('a","b', 'c', 'read', '/1'), identityOf('a', 'b","c', 'read', '/1'));
  });
});
