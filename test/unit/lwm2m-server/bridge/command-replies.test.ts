import assert from 'node:assert/strict';
import { PlatformError } from '../../../../common/errors.ts';
import { CommandReplies, type CommandResult } from '../../../../lwm2m-server/bridge/command-replies.ts';
import { WaitingCommand } from '../../../../lwm2m-server/bridge/waiting-command.ts';
import { inWords } from '../../../../lwm2m-server/operation/outcome.ts';
import type { AvroResponse } from '../../../../schemas/generated/records.ts';
import { MemoryGateway } from '../gateway-in-memory.ts';

describe('lwm2m-server/bridge/command-replies', () => {
  async function replied(result: CommandResult) {
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
      request: { serverId: 'gw1', ep: 'a', ticket: 't', payload },
      ...{ receivedAtMs: 0, takenAtMs: 10, bytes: 1, held, onReply: (record) => void told.push(record) },
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
