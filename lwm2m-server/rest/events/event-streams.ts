import { PlatformError } from '../../../common/errors.ts';
import type { ServerEvents } from '../../events.ts';
import type { CoapTraces } from '../../trace/coap-traces.ts';
import type { DeviceState } from '../legacy/registration-json.ts';
import { EventRing } from './event-ring.ts';
import { serverEvent, traceEvent } from './server-event-json.ts';

/** Streams open at a time; a further one is refused. */
export const MAX_STREAMS = 32;
/** What can be resumed: so many of the newest events, so many bytes by estimate. */
const RING_EVENTS = 4_096;
const RING_BYTES = 8 * 2 ** 20;
/** Events are noted for so long after the last stream has gone, so that one that comes back misses nothing. */
const LINGER_MS = 60_000;
/** Streams are fed so often, and so much at a time: 10,000 events/s. Beyond that a GAP says how many are left out. */
const FEED_MS = 20;
const EVENTS_PER_FEED = 200;
const HEARTBEAT_MS = 10_000;
/** A stream whose client takes nothing for so long is cut. */
const STALLED_MS = 30_000;

/** The client's end of a stream. */
export interface StreamSink {
  /** False when the client must take what is there before more is written. */
  write(text: string): boolean;
  /** Calls back once it may be written again. */
  onceDrained(then: () => void): void;
  end(): void;
  destroy(): void;
}

export interface StreamWish {
  /** Events of this device alone, its CoAP messages among them. */
  readonly endpointName: string | undefined;
  /** Where to go on, as an earlier stream said. */
  readonly lastEventId: string | undefined;
}

interface Stream {
  readonly sink: StreamSink;
  readonly endpointName: string | undefined;
  /** Sequence of the next event to look at. */
  cursor: number;
  /** It comes back from another run: nobody can tell what it missed, and it is still to be told so. */
  isLost: boolean;
  /** Since when the client takes nothing. */
  stalledAtMs: number | undefined;
}

export interface EventStreamsOptions {
  readonly events: ServerEvents;
  readonly traces: CoapTraces;
  readonly state: DeviceState;
  /** Tells the events of this run from those of another. */
  readonly run: string;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** Server-sent events: one ring, and streams that read it at their own pace. A slow client costs its socket's buffer and no more. */
export class EventStreams {
  readonly #o: EventStreamsOptions;
  readonly #ring = new EventRing(RING_EVENTS, RING_BYTES);
  readonly #streams = new Set<Stream>();
  #listening: (() => void)[] = [];
  #feeding: NodeJS.Timeout | undefined;
  #beating: NodeJS.Timeout | undefined;
  #emptySinceMs = 0;
  /** Streams cut because their client took nothing, and events left out for those who were too slow. */
  cut = 0;
  missed = 0;

  constructor(options: EventStreamsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Returns what ends the stream. Throws COAP_QUEUE_FULL when there are too many. */
  open(sink: StreamSink, { endpointName, lastEventId }: StreamWish): () => void {
    if (this.size >= MAX_STREAMS) throw new PlatformError('COAP_QUEUE_FULL', `${MAX_STREAMS} streams are open already`);
    this.#listen();
    const stream: Stream = { sink, endpointName, cursor: this.#ring.next, isLost: false, stalledAtMs: undefined };
    if (endpointName !== undefined) this.#o.traces.start(endpointName, stream);
    this.#streams.add(stream);
    if (lastEventId !== undefined) this.#resume(stream, lastEventId);
    this.#feedSoon();
    return () => this.#close(stream);
  }

  /** Ends all streams; for shutdown. */
  close(): void {
    for (const stream of [...this.#streams]) {
      this.#close(stream);
      stream.sink.end();
    }
    this.#stopListening();
  }

  /** An id of this run goes on behind it; of any other run nobody can tell what was missed. */
  #resume(stream: Stream, lastEventId: string): void {
    const match = /^([0-9a-z]{1,32})-(\d{1,15})$/.exec(lastEventId);
    const sequence = match?.[1] === this.#o.run ? Number(match[2]) + 1 : Number.NaN;
    if (sequence <= this.#ring.next) stream.cursor = sequence;
    else stream.isLost = true;
  }

  #listen(): void {
    if (this.#listening.length > 0) return;
    const { events, traces, state } = this.#o;
    // What happened while nobody noted it can never be resumed.
    this.#ring.interrupt();
    this.#listening = [
      events.listen((event) => {
        const made = serverEvent(event, state);
        if (made !== undefined) this.#push(made);
      }),
      traces.listen((endpointName, entry) => this.#push(traceEvent(endpointName, entry))),
    ];
    this.#beating = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#beating.unref();
  }

  #stopListening(): void {
    for (const stop of this.#listening) stop();
    this.#listening = [];
    clearInterval(this.#beating);
    clearTimeout(this.#feeding);
    this.#feeding = undefined;
  }

  #push(event: Parameters<EventRing['push']>[0]): void {
    this.#ring.push(event);
    if (this.size > 0) this.#feedSoon();
  }

  #feedSoon(): void {
    this.#feeding ??= setTimeout(() => {
      this.#feeding = undefined;
      for (const stream of [...this.#streams]) this.#feed(stream);
      const behind = [...this.#streams].some((s) => s.stalledAtMs === undefined && s.cursor < this.#ring.next);
      if (behind) this.#feedSoon();
    }, FEED_MS);
  }

  #feed(stream: Stream): void {
    if (stream.stalledAtMs !== undefined) return;
    const { oldest, next } = this.#ring;
    if (stream.isLost) this.#tellGap(stream, null);
    stream.isLost = false;
    if (stream.cursor < oldest) {
      const missed = this.#ring.missedSince(stream.cursor);
      this.missed += missed ?? 0;
      stream.cursor = oldest;
      this.#tellGap(stream, missed);
    }
    const end = Math.min(next, stream.cursor + EVENTS_PER_FEED);
    while (stream.cursor < end && stream.stalledAtMs === undefined) {
      const event = this.#ring.at(stream.cursor++);
      if (event === undefined) continue;
      const wanted = stream.endpointName === undefined ? !event.narrow : event.endpointName === stream.endpointName;
      if (wanted) this.#write(stream, frame(event.name, event.data(), this.#idOf(event.sequence)));
    }
  }

  #tellGap(stream: Stream, missed: number | null): void {
    this.#write(stream, frame('GAP', JSON.stringify({ missed }), this.#idOf(stream.cursor - 1)));
  }

  #idOf(sequence: number): string {
    return `${this.#o.run}-${sequence}`;
  }

  #write(stream: Stream, text: string): void {
    if (stream.sink.write(text) || stream.stalledAtMs !== undefined) return;
    stream.stalledAtMs = this.#o.elapsed();
    stream.sink.onceDrained(() => {
      stream.stalledAtMs = undefined;
      if (this.#streams.has(stream)) this.#feedSoon();
    });
  }

  /** Keeps idle streams open through proxies, cuts those that take nothing, and ends the listening when nobody came back. */
  #beat(): void {
    const nowMs = this.#o.elapsed();
    if (this.size === 0 && nowMs - this.#emptySinceMs > LINGER_MS) return this.#stopListening();
    for (const stream of [...this.#streams]) {
      if (stream.stalledAtMs === undefined) this.#write(stream, '\r\n');
      else if (nowMs - stream.stalledAtMs > STALLED_MS) {
        this.cut++;
        this.#close(stream);
        stream.sink.destroy();
      }
    }
  }

  #close(stream: Stream): void {
    if (!this.#streams.delete(stream)) return;
    if (stream.endpointName !== undefined) this.#o.traces.stop(stream.endpointName, stream);
    if (this.size === 0) this.#emptySinceMs = this.#o.elapsed();
  }
}

/** JSON has no line ends, so one data line is enough. */
function frame(name: string, data: string, id: string): string {
  return `event: ${name}\r\nid: ${id}\r\ndata: ${data}\r\n\r\n`;
}
