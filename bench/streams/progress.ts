import type { KafkaCluster } from '../../common/kafka/client.ts';
import { sleep } from '../../common/lifecycle.ts';

const POLL_MS = 50;
/** Behind the last record of a topic that is written in transactions stands their marker, which nobody commits. */
const MARKERS = 2;

export interface WatchedGroup {
  readonly kafka: KafkaCluster;
  readonly groupId: string;
  readonly input: string;
  readonly records: number;
  /** A topic between two steps of the program, which has to be read to its end too. */
  readonly between?: string | undefined;
  /** Share of the records that warms the program up and is not measured. */
  readonly warmUp: number;
  readonly signal: AbortSignal;
  /** Rejects when the program ends early. */
  readonly ended: Promise<never>;
}

/** Records per second from the end of the warm-up until everything is committed. */
export async function committedPerSecond(o: WatchedGroup): Promise<number> {
  const admin = o.kafka.admin();
  await admin.connect();
  let begun: { readonly atMs: number; readonly offset: number } | undefined;
  const committed = async (topic: string): Promise<number> => {
    const found = await admin.fetchOffsets({ groupId: o.groupId, topics: [topic] }).catch(() => []);
    return (found[0]?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  };
  const isBetweenDone = async (): Promise<boolean> => {
    if (o.between === undefined) return true;
    const ends = await admin.fetchTopicOffsets(o.between);
    const end = ends.reduce((sum, { high }) => sum + Number(high), 0);
    return (await committed(o.between)) >= end - MARKERS * ends.length;
  };
  try {
    for (;;) {
      o.signal.throwIfAborted();
      const offset = await Promise.race([committed(o.input), o.ended]);
      const atMs = performance.now();
      if (begun === undefined && offset >= o.warmUp * o.records) begun = { atMs, offset };
      if (begun !== undefined && offset >= o.records && (await isBetweenDone()))
        return (o.records - begun.offset) / ((performance.now() - begun.atMs) / 1_000);
      await sleep(POLL_MS, o.signal);
    }
  } finally {
    await admin.disconnect();
  }
}
