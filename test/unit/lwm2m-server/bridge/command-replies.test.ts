import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import {
  CommandReplies,
  type CommandResult,
  REQUESTER_CHARACTERS,
} from '../../../../lwm2m-server/bridge/command-replies.ts';
import { WaitingCommand } from '../../../../lwm2m-server/bridge/waiting-command.ts';
import { inWords } from '../../../../lwm2m-server/operation/outcome.ts';
import type { AvroResponse } from '../../../../schemas/generated/records.ts';
import { MemoryGateway } from '../gateway-in-memory.ts';

function requesterOf({ requestedBy }: { readonly requestedBy?: string }) {
  return requestedBy === undefined ? null : { string: requestedBy };
}

describe('lwm2m-server/bridge/command-replies', () => {
  async function replied(
    result: CommandResult,
    asked: { requestedBy?: string; takenAtMs?: number } = { takenAtMs: 10 },
  ) {
    const gateway = new MemoryGateway();
    const ran: number[] = [];
    const told: (AvroResponse | undefined)[] = [];
    const replies = new CommandReplies({
      ...{ serverId: 'gw1', outbox: gateway.outbox, answered: gateway.answered, counters: gateway.counters },
      signal: new AbortController().signal,
      now: () => 5,
      elapsed: () => 30,
      onRan: (ms) => void ran.push(ms),
    });
    const payload = { kind: 'read', path: '/3/0', contentFormat: 'TLV', body: null } as const;
    const held = { settled: false };
    const command = new WaitingCommand({
      request: { serverId: 'gw1', ep: 'a', ticket: 't', payload, requestedBy: requesterOf(asked) },
      ...(asked.takenAtMs !== undefined && { takenAtMs: asked.takenAtMs }),
      ...{ receivedAtMs: 1, bytes: 1, held, onReply: (record) => void told.push(record) },
    });
    command.attempts = 1;
    await replies.commit(command, result);
    const words = gateway.replies.map(({ rep }) => (Object.values(rep.body!)[0] as { message: string }).message);
    return { gateway, words, ran, told, command, held };
  }

  it('commits the reply, remembers it, tells of it, and lets the offset pass', async () => {
    const { gateway, words, ran, told, command, held } = await replied({ outcome: inWords('CONTENT', 'fine') });
    assert.deepEqual(words, ['fine']);
    assert.deepEqual(ran, [20]);
    assert.equal(told[0]?.ticket, 't');
    assert.equal(gateway.answered.has(command.identity), true);
    assert.equal(held.settled, true);
  });

  it('tells who asked, and the time since the command was taken or, of one from before a restart, since then', async () => {
    const result = { outcome: inWords('CONTENT', 'fine') };
    const replyTo = async (asked: { requestedBy?: string; takenAtMs?: number }) =>
      (await replied(result, asked)).told[0];
    const taken = await replyTo({ requestedBy: 'ana', takenAtMs: 10.0004 });
    assert.deepEqual([taken?.requestedBy, taken?.latencyMs], [{ string: 'ana' }, { double: 20 }]);
    const restored = await replyTo({});
    assert.deepEqual([restored?.requestedBy, restored?.latencyMs], [null, { double: 4 }]);
    const odd = await replyTo({ requestedBy: 'x'.repeat(100_000), takenAtMs: 31 });
    assert.deepEqual([odd?.requestedBy?.string.length, odd?.latencyMs], [REQUESTER_CHARACTERS, { double: 0 }]);
  });

  it('says so when what the device answered fits no record, a time or a value beside it included', async () => {
    const odd = await replied({ outcome: inWords('CONTENT', 'fine'), valueTimestampMs: Number.NaN });
    assert.deepEqual(odd.words.length, 1);
    assert.match(odd.words[0]!, /^AVRO_INVALID: /);
    const state = () => {
      throw new PlatformError('AVRO_INVALID', 'no such value');
    };
    const worse = await replied({ outcome: inWords('CONTENT', 'fine'), state });
    assert.deepEqual(worse.words, ['INTERNAL: what came of the command fits no record']);
    assert.equal(worse.held.settled, true);
  });
});
