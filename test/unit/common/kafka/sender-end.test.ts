import assert from 'node:assert/strict';
import { pino } from 'pino';
import { PlatformError } from '../../../../common/errors.ts';
import type { BatchPart, BatchSender, Refusal } from '../../../../common/kafka/batch-sender.ts';
import { CommittingProducer } from '../../../../common/kafka/committing-producer.ts';
import { ThreadedSender } from '../../../../common/kafka/threaded-sender.ts';

const quiet = pino({ level: 'silent' });
/** Nobody listens there: what is sent stays under way. */
const NOWHERE = { brokers: ['127.0.0.1:1'], clientId: 'test' };
const record = (value = 'v') => ({ topic: 't', key: null, value: Buffer.from(value) });
const codeOf = (error: unknown): string => (error as PlatformError).code;

class EndingSender implements BatchSender {
  onEnded: ((error: PlatformError) => void) | undefined = undefined;
  reject: ((error: PlatformError) => void) | undefined = undefined;

  async send(_parts: readonly BatchPart[]): Promise<readonly Refusal[]> {
    return await new Promise((_, reject) => {
      this.reject = reject;
    });
  }

  async close(): Promise<void> {}
}

describe('the end of what writes to Kafka', () => {
  it('is told once, and nobody who waits is left waiting or told that a record was refused', async () => {
    const sender = new EndingSender();
    const producer = new CommittingProducer(sender, quiet);
    const ends: string[] = [];
    producer.onEnded = ({ code }) => ends.push(code);
    const first = producer.commit(record()).catch(codeOf);
    await new Promise((resolve) => setImmediate(resolve));
    const second = producer.commit(record()).catch(codeOf);
    sender.reject!(new PlatformError('SERVER_FENCED', 'another'));
    assert.deepEqual(await Promise.all([first, second]), ['SHUTTING_DOWN', 'SHUTTING_DOWN']);
    sender.onEnded!(new PlatformError('SERVER_FENCED', 'another'));
    assert.deepEqual(ends, ['SERVER_FENCED']);
    assert.equal(producer.backlog, 0);
    assert.throws(() => producer.append(record()), { code: 'SHUTTING_DOWN' });
  });

  it('is told when it comes while nothing is under way', () => {
    const sender = new EndingSender();
    const producer = new CommittingProducer(sender, quiet);
    const ends: string[] = [];
    producer.onEnded = ({ code }) => ends.push(code);
    sender.onEnded!(new PlatformError('KAFKA_SENDER_ENDED', 'gone'));
    assert.deepEqual(ends, ['KAFKA_SENDER_ENDED']);
  });

  it('comes with a thread that runs out of memory', async () => {
    // Node needs some of it to start the thread; Kafka's client does not fit in.
    const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
    const sender = new ThreadedSender(NOWHERE, quiet, { resourceLimits });
    const producer = new CommittingProducer(sender, quiet);
    const ended = new Promise<PlatformError>((resolve) => {
      producer.onEnded = resolve;
    });
    const waiting = producer.commit(record()).catch(codeOf);
    assert.equal((await ended).code, 'KAFKA_SENDER_ENDED');
    assert.match((await ended).message, /memory/);
    assert.equal(await waiting, 'SHUTTING_DOWN');
    await producer.close();
  });

  it('does not come with an orderly close', async () => {
    const producer = new CommittingProducer(new ThreadedSender(NOWHERE, quiet), quiet);
    const ends: string[] = [];
    producer.onEnded = ({ code }) => ends.push(code);
    await producer.close();
    assert.deepEqual(ends, []);
  });
});
