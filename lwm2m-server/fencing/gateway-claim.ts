import { PlatformError } from '../../common/errors.ts';
import type { KafkaCluster } from '../../common/kafka/client.ts';
import type { CommittingProducer } from '../../common/kafka/committing-producer.ts';
import { readTopic } from '../../common/kafka/read-topic.ts';
import { offsetRanges } from '../../common/kafka/topics.ts';
import { sleep, untilAborted } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { claimsTopic, encodeClaim, isGone, newClaim, parseClaim, type ServerClaim } from './server-claim.ts';

const KEY = 'server';
const BEAT_MS = 2_000;

/** A server that beats nothing for so long, while Kafka answers, is taken for gone. Two beats and a pause. */
const SILENCE_MS = 5_000;
const LOOK_EVERY_MS = 250;

/** A broker that takes longer to answer is slow for the other server too: its silence says nothing. */
const SLOW_MS = 1_000;

/** The last claim is among so many: behind it stand two markers of each start of a server that never got to its claim. */
const LAST_RECORDS = 50;

export interface GatewayClaimOptions {
  readonly gatewayId: string;
  readonly kafka: KafkaCluster;
  /** Behind the fence of the gateway: the commit of a claim shuts out every other server. */
  readonly producer: Pick<CommittingProducer, 'append' | 'commit'>;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly now: () => number;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** Says in Kafka which server serves a gateway, and finds out whether another one does. */
export class GatewayClaim {
  readonly #o: GatewayClaimOptions;
  readonly #topic: string;
  #claim: ServerClaim;
  #timer: NodeJS.Timeout | undefined;
  #underWay = false;

  constructor(options: GatewayClaimOptions) {
    this.#o = options;
    this.#topic = claimsTopic(options.gatewayId);
    this.#claim = newClaim(options.now());
  }

  /**
   * Resolves when no other server serves the gateway and this one does: at once when the last one stopped, or was killed on this
   * machine, else after a time of silence. Read the state only then: nobody else writes to it any more.
   * Errors: SERVER_FENCED when another one serves it, KAFKA_UNAVAILABLE (retriable).
   */
  async take(): Promise<void> {
    await this.#untilFree();
    if (this.#o.signal.aborted) return;
    const claimed = this.#o.producer.commit(this.#record());
    await Promise.race([claimed, untilAborted(this.#o.signal)]);
    if (this.#o.signal.aborted) return void claimed.catch(() => undefined);
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** Tells the next server that it need not wait. It is on its way when this returns. */
  release(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#claim = { ...this.#claim, beat: this.#claim.beat + 1, ended: true };
    this.#append();
  }

  /** A beat that is refused is how a server learns that it was taken for gone: whoever took over has shut it out. */
  #beat(): void {
    if (this.#underWay) return;
    this.#claim = { ...this.#claim, beat: this.#claim.beat + 1 };
    this.#append();
  }

  #append(): void {
    try {
      this.#o.producer.append(this.#record(), () => {
        this.#underWay = false;
      });
      this.#underWay = true;
    } catch (error) {
      this.#o.log.debug({ err: error }, 'a beat had no place');
    }
  }

  #record() {
    return { topic: this.#topic, key: KEY, value: encodeClaim(this.#claim) };
  }

  async #untilFree(): Promise<void> {
    const { elapsed, signal, log } = this.#o;
    let seen = await this.#nextOffset();
    const found = await this.#lastClaim();
    if (found === undefined || found.ended || isGone(found, this.#claim)) return;
    const { host, pid } = found;
    log.info({ gatewayId: this.#o.gatewayId, host, pid }, 'another server may run; a few seconds will tell');
    let silentSince = elapsed();
    while (!signal.aborted && elapsed() - silentSince < SILENCE_MS) {
      await sleep(LOOK_EVERY_MS, signal);
      const askedAt = elapsed();
      const next = await this.#nextOffset();
      if (elapsed() - askedAt > SLOW_MS) silentSince = elapsed();
      if (next !== seen) {
        const last = await this.#lastClaim();
        if (last === undefined || last.ended) return;
        if (last.instanceId !== found.instanceId || last.beat > found.beat) throw this.#servedBy(last);
        seen = next;
      }
      if (isGone(found, this.#claim)) return;
    }
  }

  #servedBy({ pid, host, startedAt }: ServerClaim): PlatformError {
    const { gatewayId } = this.#o;
    const message = `gateway ${gatewayId} is served by process ${pid} on ${host} since ${startedAt}`;
    return new PlatformError('SERVER_FENCED', message, { details: { gatewayId, pid, host } });
  }

  async #nextOffset(): Promise<bigint> {
    const [range] = await offsetRanges(this.#o.kafka, this.#topic);
    return range?.next ?? 0n;
  }

  async #lastClaim(): Promise<ServerClaim | undefined> {
    const { kafka, signal, log } = this.#o;
    let last: ServerClaim | undefined;
    await readTopic({
      ...{ kafka, signal, log, topic: this.#topic, lastRecords: LAST_RECORDS },
      onRecord: ({ value }) => {
        last = parseClaim(value) ?? last;
      },
    });
    return last;
  }
}
