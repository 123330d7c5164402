import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, PlatformError } from '../errors.ts';
import type { Log } from '../log.ts';
import { KafkaBatchSender } from './batch-sender.ts';
import { connectKafka } from './client.ts';
import { ProducerFence } from './producer-fence.ts';
import type { FromSender, SenderStart, ToSender } from './threaded-sender.ts';

/** The other side of `ThreadedSender`. */
const port = parentPort!;
const log = forwardingLog();
const { address, fence } = workerData as SenderStart;
const sender = new KafkaBatchSender(connectKafka(address, log), log, fence && new ProducerFence(fence));

port.on('message', (message: ToSender) => {
  if (message.kind === 'batch') void send(message);
  else void close();
});

async function send({ slab, parts }: Extract<ToSender, { kind: 'batch' }>): Promise<void> {
  let at = slab.byteOffset;
  const views = parts.map(({ topic, count, length }) => {
    const bytes = Buffer.from(slab.buffer, at, length);
    at += length;
    return { topic, count, bytes };
  });
  try {
    tell({ kind: 'done', refusals: await sender.send(views) });
  } catch (error) {
    const code = error instanceof PlatformError ? error.code : 'INTERNAL';
    tell({ kind: 'givenUp', code, message: messageOf(error) });
  }
}

async function close(): Promise<void> {
  await sender.close();
  tell({ kind: 'closed' });
  port.close();
}

function tell(message: FromSender): void {
  port.postMessage(message);
}

/** Lines go to the log of the service, which knows its name and level. Errors are told by their message. */
function forwardingLog(): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    tell({ kind: 'log', level, fields: plain(fields), message });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as unknown as Log;
}

function plain(fields: object): object {
  const entries = Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.message : value]);
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as object;
}
