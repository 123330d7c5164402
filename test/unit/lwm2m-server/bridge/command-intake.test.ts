import assert from 'node:assert/strict';
import { pino } from 'pino';
import { PlatformError } from '../../../../common/errors.ts';
import type { ConsumedBatch, ConsumedRecord } from '../../../../common/kafka/consumer.ts';
import type { RecordReader } from '../../../../common/records.ts';
import type { CoapResponse } from '../../../../lwm2m/coap/endpoint.ts';
import { CommandIntake } from '../../../../lwm2m-server/bridge/command-intake.ts';
import type { AvroRequest } from '../../../../schemas/generated/records.ts';
import { MemoryGateway, settled } from '../gateway-in-memory.ts';

const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
/** Longer than the intake waits until it commits an offset. */
const COMMITTED_MS = 250;

function read(ep: string, ticket: string): AvroRequest {
  const payload = { kind: 'read', path: '/3303/0/5700', contentFormat: 'TEXT_CODE', body: null } as const;
  return { serverId: 'gw1', ep, ticket, payload };
}

function execute(ep: string, ticket: string): AvroRequest {
  const body = { [EXECUTE]: { parameters: '' } };
  return { ...read(ep, ticket), payload: { kind: 'execute', path: '/3/0/4', contentFormat: 'TEXT_CODE', body } };
}

describe('lwm2m-server/bridge/command-intake', () => {
  let gateway: MemoryGateway;
  let intake: CommandIntake;
  let committed: number[];
  let unreadable: PlatformError | undefined;

  beforeEach(async () => {
    gateway = new MemoryGateway();
    committed = [];
    unreadable = undefined;
    const { server, outbox, answered, counters } = gateway;
    const { admission, queues, store } = server;
    const reader = {
      decode: async (bytes: Buffer) => {
        if (unreadable !== undefined) throw unreadable;
        return JSON.parse(bytes.toString()) as AvroRequest;
      },
    } as unknown as RecordReader<AvroRequest>;
    intake = new CommandIntake({
      ...{ reader, admission, queues, store, answered, outbox, counters },
      log: pino({ level: 'silent' }),
      now: () => gateway.nowMs,
      elapsed: () => gateway.elapsedMs,
    });
    await gateway.register('a');
    gateway.answer = () => ({ code: '2.05' });
  });
  afterEach(() => gateway.stop());

  function batch(from: number, ...requests: readonly AvroRequest[]): ConsumedBatch {
    const into = committed;
    const records = requests.map((request, index) => ({
      ...{ offset: String(from + index), key: null },
      value: Buffer.from(JSON.stringify(request)),
    })) as unknown as ConsumedRecord[];
    return {
      ...{ topic: 'requests', partition: 0, records, highWatermark: 0n },
      commit: async (offset) => void into.push(Number(offset)),
      heartbeat: async () => undefined,
      signal: new AbortController().signal,
    };
  }

  const pass = async () => await new Promise((resolve) => setTimeout(resolve, COMMITTED_MS));
  const entries = () =>
    gateway.committed.filter(({ key }) => String(key).startsWith('command/')).map(({ value }) => value !== null);

  it('asks the device without a commit before, and commits the offset after the reply', async () => {
    gateway.hold();
    await intake.onBatch(batch(0, read('a', '1')));
    await settled();
    assert.equal(gateway.asked.length, 1);
    await pass();
    assert.deepEqual(committed, [0], 'the record is the only copy of the command yet');
    gateway.release();
    await pass();
    assert.deepEqual(committed, [0, 1]);
    assert.deepEqual(entries(), []);
  });

  it('marks what changes a device before it asks, and clears that away with the reply', async () => {
    gateway.hold();
    await intake.onBatch(batch(0, execute('a', '1')));
    await settled();
    assert.equal(gateway.asked.length, 0);
    gateway.release();
    await settled();
    assert.equal(gateway.asked.length, 1);
    assert.deepEqual(entries(), [true, false]);
    assert.equal(gateway.replies.length, 1);
  });

  it('does not wait for devices, and commits what is done as far as nothing before it is open', async () => {
    let answer: (response: Partial<CoapResponse>) => void = () => undefined;
    gateway.answer = async ({ peer }) =>
      peer.port === 6000 ? await new Promise((resolve) => (answer = resolve)) : { code: '2.05' };
    await gateway.register('slow', '</3303/0>', { key: 'slow', address: '127.0.0.1', port: 6000 });
    await intake.onBatch(batch(0, read('a', '1'), read('slow', '2'), read('a', '3'), read('slow', '4')));
    await settled();
    assert.deepEqual(
      gateway.replies.map(({ ticket }) => ticket),
      ['1', '3'],
    );
    await pass();
    assert.deepEqual(committed, [1]);
    gateway.elapsedMs += 1_001;
    await pass();
    assert.deepEqual(entries(), [true, true], 'what takes long is put into the state topic');
    assert.deepEqual(committed, [1, 4]);
    answer({ code: '2.05' });
    await settled();
    answer({ code: '2.05' });
    await settled();
    assert.deepEqual(entries(), [true, true, false, false]);
  });

  it('runs a command once that comes twice: in a batch, later, and after the group began anew', async () => {
    await intake.onBatch(batch(0, execute('a', '1'), execute('a', '1')));
    await intake.onBatch(batch(2, execute('a', '1')));
    await settled();
    await intake.onBatch(batch(0, execute('a', '1'), execute('a', '1'), execute('a', '1'), read('a', '2')));
    await settled();
    assert.equal(gateway.asked.length, 2);
    assert.equal(gateway.replies.length, 2);
    assert.equal(gateway.counters.commands_repeated, 5);
    await pass();
    assert.equal(committed.at(-1), 4);
  });

  it('does not let the offset of a repetition pass before the command is safe', async () => {
    gateway.hold();
    await intake.onBatch(batch(0, read('a', '1')));
    await intake.onBatch(batch(0, read('a', '1')));
    await pass();
    assert.deepEqual(committed, [0]);
    gateway.release();
    await pass();
    assert.equal(committed.at(-1), 1);
    assert.equal(gateway.replies.length, 1);
  });

  it('puts what is open into the state topic before it fetches more than can be told apart after a kill', async () => {
    gateway.answer = async () => await new Promise(() => undefined);
    for (let device = 0; device < 11; device++)
      await gateway.register(`d${device}`, '', { key: `d${device}`, address: '127.0.0.1', port: 7_000 + device });
    const requests = Array.from({ length: 2_100 }, (_, n) => read(`d${n % 11}`, `${n}`));
    await intake.onBatch(batch(0, ...requests));
    assert.equal(entries().length, 2_000);
    assert.equal(gateway.server.queues.size, 2_100);
    await pass();
    assert.equal(committed.at(-1), 2_000);
  });

  it('reads on no further than the replies that are remembered, when no offset can be committed', async () => {
    let answers = false;
    let isDone = false;
    const requests = Array.from({ length: 5_100 }, (_, n) => read('nobody', `${n}`));
    const commit = async (offset: bigint) => {
      if (!answers) throw new PlatformError('KAFKA_UNAVAILABLE', 'no coordinator');
      committed.push(Number(offset));
    };
    void intake.onBatch({ ...batch(0, ...requests), commit }).then(() => {
      isDone = true;
    });
    await pass();
    await pass();
    assert.equal(gateway.counters.commands_received, 5_000);
    assert.equal(isDone, false);
    answers = true;
    await pass();
    await pass();
    assert.equal(isDone, true);
    assert.equal(committed.at(-1), 5_100);
  });

  it('buries what cannot be read or answered, and has the batch repeated when the schema cannot be asked for', async () => {
    unreadable = new PlatformError('AVRO_INVALID', 'rubbish');
    await intake.onBatch(batch(0, read('a', '1')));
    unreadable = new PlatformError('REGISTRY_UNAVAILABLE', 'away');
    await assert.rejects(intake.onBatch(batch(1, read('a', '2'))), { code: 'REGISTRY_UNAVAILABLE' });
    unreadable = undefined;
    await intake.onBatch(batch(1, read('a', '2'), read('a', 'x'.repeat(70_000))));
    await settled();
    assert.equal(gateway.counters.commands_undecodable, 2);
    const dead = gateway.committed.filter(({ topic }) => topic.endsWith('.dlq'));
    assert.deepEqual(
      dead.map(({ headers }) => headers?.code),
      ['AVRO_INVALID', 'LWM2M_REQUEST'],
    );
    assert.deepEqual(
      gateway.replies.map(({ ticket }) => ticket),
      ['2'],
    );
    await pass();
    assert.equal(committed.at(-1), 3);
  });
});
