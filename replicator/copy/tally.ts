import type { LaneState } from './lane-state.ts';
import { MODES, type RelayedBatch } from './relay.ts';
import type { Advance } from './round-queue.ts';

interface OfTopic {
  records: number;
  bytesIn: number;
  newestMs: number;
}

/** What a transaction holds, to be reported once it is committed. */
export class Tally {
  readonly #topics = new Map<string, OfTopic>();
  readonly #modes = new Map(MODES.map((mode) => [mode, 0]));
  #bytesIn = 0;
  #bytesOut = 0;

  sent({ topic, bytes, mode, maxTimestampMs }: RelayedBatch): void {
    this.#bytesOut += bytes.length;
    this.#modes.set(mode, this.#modes.get(mode)! + 1);
    const ofTopic = this.#of(topic);
    ofTopic.newestMs = Math.max(ofTopic.newestMs, maxTimestampMs);
  }

  advanced({ partition, records, bytesIn }: Advance): void {
    this.#bytesIn += bytesIn;
    const ofTopic = this.#of(partition.topic);
    ofTopic.records += records;
    ofTopic.bytesIn += bytesIn;
  }

  #of(topic: string): OfTopic {
    let ofTopic = this.#topics.get(topic);
    if (ofTopic === undefined) {
      ofTopic = { records: 0, bytesIn: 0, newestMs: 0 };
      this.#topics.set(topic, ofTopic);
    }
    return ofTopic;
  }

  report(state: LaneState): void {
    const { metrics, labels, gatewayId } = state;
    metrics.bytesIn.inc(labels, this.#bytesIn);
    metrics.bytesOut.inc(labels, this.#bytesOut);
    for (const [mode, count] of this.#modes) {
      if (count === 0) continue;
      metrics.batches.inc({ ...labels, mode }, count);
      state.modes.set(mode, (state.modes.get(mode) ?? 0) + count);
    }
    const now = Date.now();
    for (const [topic, { records, bytesIn, newestMs }] of this.#topics) {
      metrics.records.inc({ ...labels, topic }, records);
      const progress = state.progressOf(topic);
      progress.records += records;
      progress.bytesIn += bytesIn;
      if (newestMs === 0) continue;
      progress.newestMs = Math.max(progress.newestMs, newestMs);
      metrics.endToEndSeconds.set({ gateway: gatewayId, topic }, Math.max(0, now - newestMs) / 1_000);
    }
  }
}
