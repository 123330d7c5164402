import assert from 'node:assert/strict';
import { CommandQueues, PER_ENDPOINT_LIMIT } from '../../../../lwm2m-server/bridge/command-queues.ts';
import { commandIdentity, identityOf } from '../../../../lwm2m-server/bridge/state-entries.ts';
import { WaitingCommand } from '../../../../lwm2m-server/bridge/waiting-command.ts';
import type { AvroRequest, AvroRequestKind } from '../../../../schemas/generated/records.ts';

interface Asked {
  readonly kind?: AvroRequestKind;
  readonly path?: string;
  readonly coalesce?: boolean;
  readonly expiresAtMs?: number;
  readonly bytes?: number;
}

function request(ep: string, ticket: string, { kind = 'read', path = '/3/0', coalesce, expiresAtMs }: Asked = {}) {
  const payload = { kind, path, contentFormat: 'TLV', body: null } as const;
  return {
    ...{ serverId: 'gw', ep, ticket, payload },
    expiresAt: expiresAtMs === undefined ? null : { long: expiresAtMs },
    coalesce: coalesce === undefined ? null : { boolean: coalesce },
  } satisfies AvroRequest;
}

const turn = async () => await new Promise((resolve) => setImmediate(resolve));

/** Commands end when the test says so; devices listen unless the test puts them to sleep. */
class Stage {
  readonly started: string[] = [];
  readonly answered: string[] = [];
  readonly kept: string[] = [];
  readonly asleep = new Set<string>();
  expired = 0;
  nowMs = 1_000;
  readonly #ends = new Map<string, (end: 'done' | 'waits') => void>();
  readonly queues: CommandQueues;

  constructor(parkedLimit = 1_000) {
    this.queues = new CommandQueues({
      run: async ({ request: { ep, ticket } }) => {
        this.started.push(`${ep}/${ticket}`);
        return await new Promise((resolve) => this.#ends.set(`${ep}/${ticket}`, resolve));
      },
      answer: async ({ request: { ep, ticket } }, { failure }) => {
        await turn();
        this.answered.push(`${ep}/${ticket} ${failure}`);
      },
      readiness: ({ request: { ep, ticket } }) => (this.asleep.has(ep) && !ticket.startsWith('now') ? 'wait' : 'run'),
      onParked: ({ request: { ep, ticket } }) => void this.kept.push(`${ep}/${ticket}`),
      onExpired: () => void this.expired++,
      parkedLimit,
      waitMs: 60_000,
      now: () => this.nowMs,
    });
  }

  push(ep: string, ticket: string, asked: Asked = {}): WaitingCommand {
    const command = new WaitingCommand({
      request: request(ep, ticket, asked),
      receivedAtMs: this.nowMs,
      bytes: asked.bytes ?? 1,
    });
    this.queues.push(command);
    return command;
  }

  async end(name: string, end: 'done' | 'waits' = 'done'): Promise<void> {
    this.#ends.get(name)!(end);
    await turn();
  }

  async wake(ep: string): Promise<void> {
    this.asleep.delete(ep);
    this.queues.wake(ep);
    await turn();
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
    const command = stage.push('a', '1');
    const identity = commandIdentity(request('a', '1'));
    assert.equal(identity, identityOf('a', '1', 'read', '/3/0'));
    assert.equal(stage.queues.byIdentity(identity), command);
    await stage.end('a/1');
    assert.equal(stage.queues.byIdentity(identity), undefined);
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
    large.push('a', '1', { bytes: 32 * 2 ** 20 });
    assert.equal(large.queues.hasRoom, false);
    await large.end('a/1');
    assert.equal(large.queues.hasRoom, true);
  });

  it('keeps identities apart whatever is in their parts', () => {
    assert.notEqual(identityOf('a', 'b/c', 'read', '/1'), identityOf('a/b', 'c', 'read', '/1'));
    assert.notEqual(identityOf('a","b', 'c', 'read', '/1'), identityOf('a', 'b","c', 'read', '/1'));
  });

  it('answers a refused one once, and takes no second one of it meanwhile', async () => {
    const stage = new Stage();
    const command = stage.push('a', '1');
    stage.queues.refuse(command, { outcome: { code: 'UNKNOWN', body: null }, failure: 'COAP_QUEUE_FULL' });
    await turn();
    assert.deepEqual(stage.answered, [], 'it is with the device already');
    const refused = new WaitingCommand({ request: request('b', '1'), receivedAtMs: 0, bytes: 1 });
    stage.queues.refuse(refused, { outcome: { code: 'UNKNOWN', body: null }, failure: 'COAP_QUEUE_FULL' });
    assert.equal(stage.queues.byIdentity(refused.identity), refused);
    await turn();
    await turn();
    assert.equal(stage.queues.byIdentity(refused.identity), undefined);
    assert.deepEqual(stage.answered, ['b/1 COAP_QUEUE_FULL']);
  });

  it('views what waits and what is with the device', async () => {
    const stage = new Stage();
    stage.push('a', '1').state = 'sent';
    stage.nowMs = 4_000;
    stage.push('a', '2', { expiresAtMs: 9_000, kind: 'discover', path: '/3' });
    stage.push('b', '3');
    assert.deepEqual(
      stage.queues
        .list('a')
        .map(({ ticket, kind, path, state, waits, receivedAtMs, expiresAtMs }) => [
          ...[ticket, kind, path, state, waits],
          ...[receivedAtMs, expiresAtMs],
        ]),
      [
        ['1', 'read', '/3/0', 'sent', false, 1_000, undefined],
        ['2', 'discover', '/3', 'queued', false, 4_000, 9_000],
      ],
    );
    assert.equal(stage.queues.list().length, 3);
    assert.deepEqual(stage.queues.list('c'), []);
    assert.equal(stage.queues.oldestAgeMs(), 3_000);
  });

  describe('of devices that sleep or are away', () => {
    it('waits in order and leaves in order when the device listens', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      const first = stage.push('a', '1');
      stage.push('a', '2');
      assert.deepEqual(stage.started, []);
      assert.deepEqual(stage.kept, ['a/1', 'a/2']);
      assert.equal(stage.queues.parked, 2);
      assert.equal(first.waitsUntilMs, 61_000);
      await stage.wake('a');
      assert.deepEqual(stage.started, ['a/1']);
      assert.equal(stage.queues.parked, 1);
      await stage.end('a/1');
      assert.deepEqual(stage.started, ['a/1', 'a/2']);
      assert.equal(stage.queues.parked, 0);
    });

    it('answers at once what does not wait, ahead of what does', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      stage.push('a', '1');
      stage.push('a', 'now2');
      assert.deepEqual(stage.started, ['a/now2']);
      assert.deepEqual(stage.kept, ['a/1']);
      await stage.end('a/now2');
      assert.equal(stage.queues.size, 1);
    });

    it('puts back what the device did not hear, before the others', async () => {
      const stage = new Stage();
      stage.push('a', '1');
      stage.push('a', '2');
      stage.push('a', 'now3');
      stage.asleep.add('a');
      await stage.end('a/1', 'waits');
      assert.deepEqual(stage.started, ['a/1', 'a/now3']);
      assert.deepEqual(stage.kept, ['a/1', 'a/2']);
      await stage.wake('a');
      assert.deepEqual(stage.started, ['a/1', 'a/now3', 'a/1']);
    });

    it('expires at its time, without the device, and only once', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      stage.push('a', '1', { expiresAtMs: 1_030 });
      stage.push('a', '2', { expiresAtMs: 5_000 });
      stage.nowMs = 1_031;
      await new Promise((resolve) => setTimeout(resolve, 60));
      assert.deepEqual(stage.answered, ['a/1 COMMAND_EXPIRED']);
      assert.equal(stage.expired, 1);
      assert.equal(stage.queues.parked, 1);
      await stage.wake('a');
      assert.deepEqual(stage.started, ['a/2']);
    });

    it('sees a wall clock that steps within a second', async function () {
      this.timeout(5_000);
      const stage = new Stage();
      stage.asleep.add('a');
      stage.push('a', '1', { expiresAtMs: 3_600_000 });
      stage.nowMs = 3_700_000;
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      assert.deepEqual(stage.answered, ['a/1 COMMAND_EXPIRED']);
    });

    it('does not hold up other devices by its number, and answers at once beyond its limit', async () => {
      const stage = new Stage(3);
      stage.asleep.add('a').add('b');
      for (const ticket of ['1', '2', '3']) stage.push('a', ticket, { bytes: 12 * 2 ** 20 });
      assert.equal(stage.queues.hasRoom, true);
      stage.push('b', '4');
      await turn();
      await turn();
      assert.deepEqual(stage.answered, ['b/4 COAP_QUEUE_FULL']);
      assert.equal(stage.queues.size, 3);
    });

    it('has a limit of bytes besides', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      stage.push('a', '1', { bytes: 64 * 2 ** 20 });
      stage.push('a', '2');
      await turn();
      await turn();
      assert.deepEqual(stage.answered, ['a/2 COAP_QUEUE_FULL']);
    });

    it('withdraws by ticket, each with its reply, but not what is with the device', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      stage.push('a', '1');
      stage.push('a', '1', { path: '/3/0/1' });
      stage.push('a', '2');
      assert.deepEqual(stage.queues.cancel('a', '1'), { cancelled: 2, sent: false });
      assert.deepEqual(stage.queues.cancel('a', '1'), { cancelled: 0, sent: false });
      assert.deepEqual(stage.queues.cancel('b', '1'), { cancelled: 0, sent: false });
      await turn();
      await turn();
      assert.deepEqual(stage.answered, ['a/1 COMMAND_WITHDRAWN', 'a/1 COMMAND_WITHDRAWN']);
      await stage.wake('a');
      assert.deepEqual(stage.started, ['a/2']);
      assert.deepEqual(stage.queues.cancel('a', '2'), { cancelled: 0, sent: true });
    });

    it('lets a newer command take the place of older ones of its kind and path, when it asks for that', async () => {
      const stage = new Stage();
      stage.asleep.add('a');
      const write = { kind: 'write', path: '/3/0/14' } as const;
      stage.push('a', '1', write);
      stage.push('a', '2', { kind: 'execute' });
      const replaced = stage.push('a', '3', write);
      stage.push('a', '4', { kind: 'read', path: '/3/0/14' });
      replaced.sequence = 7;
      const newer = stage.push('a', '5', { ...write, coalesce: true });
      await turn();
      await turn();
      assert.deepEqual(stage.answered, ['a/1 COMMAND_WITHDRAWN', 'a/3 COMMAND_WITHDRAWN']);
      assert.deepEqual(
        stage.queues.list('a').map(({ ticket }) => ticket),
        ['2', '5', '4'],
      );
      assert.equal(newer.sequence, 7, 'after a restart it has that place too');
      stage.push('a', '6', { kind: 'execute', coalesce: true });
      assert.equal(stage.queues.list('a').length, 4);
    });
  });
});
