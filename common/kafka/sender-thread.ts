import { parentPort, workerData } from 'node:worker_threads';
import type { Log } from '../log.ts';
import { KafkaBatchSender } from './batch-sender.ts';
import { connectKafka, type KafkaAddress } from './client.ts';
import type { FromSender, ToSender } from './threaded-sender.ts';

/** The other side of `ThreadedSender`. */
const port = parentPort!;
const log = forwardingLog();
const sender = new KafkaBatchSender(connectKafka(workerData as KafkaAddress, log), log);

port.on('message', (message: ToSender) => {
  if (message.kind === 'batch') void send(message.parts);
  else void close();
});

async function send(parts: Extract<ToSender, { kind: 'batch' }>['parts']): Promise<void> {
  const views = parts.map(({ topic, count, bytes }) => ({
    ...{ topic, count },
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  }));
  try {
    const refusals = await sender.send(views);
    const memory = parts.map(({ bytes }) => bytes);
    tell(
      { kind: 'done', refusals, memory },
      memory.map(({ buffer }) => buffer as ArrayBuffer),
    );
  } catch {
    tell({ kind: 'givenUp' }); // the only error is SHUTTING_DOWN
  }
}

async function close(): Promise<void> {
  await sender.close();
  tell({ kind: 'closed' });
  port.close();
}

function tell(message: FromSender, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
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
