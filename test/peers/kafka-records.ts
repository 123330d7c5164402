import { AssertionError } from 'node:assert';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCacheDir, provide } from '../../stack/cache.ts';
import { KAFKA } from '../../stack/kafka.ts';
import { type Peer, startPeer, untilUp } from './peer-process.ts';
import { hashOf, JAVA_PACKAGES, once, peerCacheDir, runTool, toolMissing } from './provision.ts';

const SOURCES = join(import.meta.dirname, 'kafka-records/src/main/java/zeelos/peer/kafka');
const START_TIMEOUT_MS = 60_000;
/** A dump of a long load on a slow machine; a producer without an end is stopped, not waited for. */
const ANSWER_TIMEOUT_MS = 180_000;

/** @returns the class path: the jars of the stack's Kafka and the classes built on them  @throws STACK_TOOL_MISSING, STACK_FETCH_FAILED */
export async function provideKafkaRecords(): Promise<string> {
  const jars = join(await provide(KAFKA, { cacheDir: defaultCacheDir(), report: () => {} }), '*');
  const names = (await readdir(SOURCES)).sort();
  const contents = await Promise.all(names.map((name) => readFile(join(SOURCES, name))));
  const classes = await once(join(peerCacheDir(), 'peers', hashOf([KAFKA.version, ...names, ...contents])), (draft) =>
    compile(draft, jars, names),
  );
  return `${classes}:${jars}`;
}

async function compile(draft: string, jars: string, names: readonly string[]): Promise<void> {
  const files = names.map((name) => join(SOURCES, name));
  const args = ['--release', '17', '-proc:none', '-d', draft, '-cp', jars, ...files];
  const { failed, output } = await runTool('javac', args, JAVA_PACKAGES);
  if (failed && /release version 17 not supported/.test(output)) throw toolMissing('javac 17 or later', JAVA_PACKAGES);
  if (failed) throw new AssertionError({ message: output });
}

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
export const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** What is written: see Producing.java and Shapes.java. */
export interface Load {
  readonly brokers: string;
  readonly topic: string;
  /** Default 1. */
  readonly partitions?: number;
  /** Same seed, same records. Default 1. */
  readonly seed?: number;
  /** Default 0: until `stop`. */
  readonly count?: number;
  /** Records per second of all producers together. Default 0: as fast as it goes. */
  readonly perSecond?: number;
  /** Side by side, their transactions interleaved. Default 1. */
  readonly producers?: number;
  readonly compression?: Codec;
  /** Bytes of a batch before compression; 0: each record a batch of its own. Default 16,384. */
  readonly batchBytes?: number;
  readonly lingerMs?: number;
  /** Default no: idempotent. */
  readonly transactional?: 'yes' | 'no';
  /** Of the transactions, those that are aborted. Default 0. */
  readonly abortPercent?: number;
  /** Records of one transaction, or between two looks at the pace. Default 100. */
  readonly transactionRecords?: number;
  /** Default 0: some values are absent or empty, most are short. */
  readonly minBytes?: number;
  /** Length of the longest value. Default 2,000. */
  readonly maxBytes?: number;
  /** So many different keys, all present, for compaction. Default 0: keys of every shape. */
  readonly keys?: number;
  /** `even`: `firstTime` and `timeStep` more for each record. Default `odd`: some jump far. */
  readonly times?: 'odd' | 'even';
  /** ms since 1970. Default now. */
  readonly firstTime?: number;
  readonly timeStep?: number;
  /** Schema ids with which keys are framed. Default none. */
  readonly keyIds?: readonly number[];
  readonly valueIds?: readonly number[];
}

export interface Written {
  readonly committed: number;
  readonly aborted: number;
  readonly troubles: number;
  /** The last of them, in the words of Kafka's client. */
  readonly lastTrouble: string | null;
}

export interface DumpOptions {
  readonly brokers: string;
  readonly topic: string;
  /** JSON lines, as of Dump.java. */
  readonly file: string;
  /** Schema ids that the other side is to have instead. */
  readonly ids?: ReadonlyMap<number, number>;
}

export interface OffsetSpan {
  readonly partition: number;
  readonly first: number;
  /** For a reader of committed records. */
  readonly next: number;
}

export interface RunningLoad {
  /** Records so far. */
  written(): Promise<Written>;
  /** Resolves when the last record is acknowledged. */
  stop(): Promise<Written>;
}

export interface TopicAt {
  readonly brokers: string;
  readonly topic: string;
}

/** Kafka's own Java client as source and oracle: it shares no code with what is tested. One process for any number of commands. */
export class KafkaRecords {
  readonly peer: Peer;
  #commands = 0;

  private constructor(peer: Peer) {
    this.peer = peer;
  }

  static async start(): Promise<KafkaRecords> {
    const jvm = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=off';
    const classPath = await provideKafkaRecords();
    const peer = await startPeer('kafka-records', 'java', [
      ...jvm,
      quiet,
      '-cp',
      classPath,
      'zeelos.peer.kafka.Program',
    ]);
    await untilUp(peer, 'ready', START_TIMEOUT_MS);
    return new KafkaRecords(peer);
  }

  async create(at: TopicAt, partitions: number, settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#tell('create', { ...at, partitions, ...underSet(settings) });
  }

  async remove(at: TopicAt): Promise<void> {
    await this.#tell('remove', { ...at });
  }

  async grow(at: TopicAt, partitions: number): Promise<void> {
    await this.#tell('grow', { ...at, partitions });
  }

  async set(at: TopicAt, settings: Readonly<Record<string, string>>): Promise<void> {
    await this.#tell('set', { ...at, ...underSet(settings) });
  }

  /** Settings of the topic itself, without those of the broker. */
  async settings(at: TopicAt): Promise<Readonly<Record<string, string>>> {
    return (await this.#tell('settings', { ...at })) as Record<string, string>;
  }

  async deleteRecords(at: TopicAt, partition: number, before: number): Promise<void> {
    await this.#tell('deleteRecords', { ...at, partition, before });
  }

  async ranges(at: TopicAt): Promise<readonly OffsetSpan[]> {
    return (await this.#tell('ranges', { ...at })) as OffsetSpan[];
  }

  /** Resolves when all `count` records are acknowledged. */
  async produce(load: Load & { readonly count: number }): Promise<Written> {
    return (await this.#tell('produce', { ...load })) as Written;
  }

  /** Writes until it is stopped. */
  load(load: Load): RunningLoad {
    const { id, answer } = this.#send('produce', { ...load, count: 0 });
    answer.catch(() => {}); // heard at the stop
    return {
      written: async () => (await this.#tell('written', { of: id })) as Written,
      stop: async () => {
        await this.#tell('stop', { of: id });
        return (await answer) as Written;
      },
    };
  }

  /** Records of the dump. */
  async dump({ ids, ...o }: DumpOptions): Promise<number> {
    const pairs = [...(ids ?? [])].map(([from, to]) => `${from}:${to}`).join(',');
    const { records } = (await this.#tell('dump', { ...o, ids: pairs })) as { records: number };
    return records;
  }

  /** Key and value of all records, as text. */
  async texts(at: TopicAt): Promise<readonly { readonly key: string | null; readonly value: string | null }[]> {
    return (await this.#tell('texts', { ...at })) as { key: string | null; value: string | null }[];
  }

  async stop(): Promise<void> {
    this.peer.process.stdin.end();
    await this.peer.exited;
  }

  async #tell(verb: string, fields: Fields): Promise<unknown> {
    return await this.#send(verb, fields).answer;
  }

  #send(verb: string, fields: Fields): { id: string; answer: Promise<unknown> } {
    const id = String(++this.#commands);
    const words = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    const from = this.peer.events.length;
    this.peer.process.stdin.write(`${[id, verb, ...words].join('\t')}\n`);
    const isAnswer = (event: { event: string; id?: unknown }) => event.event !== 'text' && event.id === id;
    const limitMs = fields.count === 0 ? LOAD_LIMIT_MS : ANSWER_TIMEOUT_MS;
    const answer = this.peer.waitFor(isAnswer, limitMs, from).then((event) => {
      if (event.event === 'done') return event.result;
      throw new AssertionError({ message: `${verb} ${String(fields.topic)}: ${String(event.reason)}` });
    });
    return { id, answer };
  }
}

/** A long run of kills keeps its load for hours. */
const LOAD_LIMIT_MS = 24 * 3_600_000;

type Fields = Readonly<Record<string, string | number | readonly number[] | undefined>>;

function underSet(settings: Readonly<Record<string, string>>): Fields {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [`set.${name}`, value]));
}
