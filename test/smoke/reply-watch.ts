import type { KafkaCluster } from '../../common/kafka/client.ts';
import { followTopic } from '../../common/kafka/follow-topic.ts';
import type { Log } from '../../common/log.ts';
import type { RecordReader } from '../../common/records.ts';
import type { AvroResponse } from '../../schemas/generated/records.ts';
import { identityOfReply } from './command-list.ts';

/** When each reply came into the cloud topic: at most one is due to each command. */
export class ReplyWatch {
  /** Arrivals by command, ms since 1970. */
  readonly arrivals = new Map<string, number[]>();
  readonly #stop = new AbortController();
  #following: Promise<void> = Promise.resolve();

  static async start(o: {
    readonly kafka: KafkaCluster;
    readonly topic: string;
    readonly reader: RecordReader<AvroResponse>;
    readonly signal: AbortSignal;
    readonly log: Log;
  }): Promise<ReplyWatch> {
    const watch = new ReplyWatch();
    await new Promise<void>((resolve, reject) => {
      watch.#following = followTopic({
        ...o,
        from: 'beginning',
        signal: AbortSignal.any([o.signal, watch.#stop.signal]),
        onReady: resolve,
        onRecord: async ({ value }) => {
          if (value === null) return;
          const at = Date.now();
          const identity = identityOfReply(await o.reader.decode(value));
          watch.arrivals.set(identity, [...(watch.arrivals.get(identity) ?? []), at]);
        },
      });
      watch.#following.catch(reject);
    });
    return watch;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }
}
