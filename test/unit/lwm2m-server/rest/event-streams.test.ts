import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { type ServerEvent, ServerEvents } from '../../../../lwm2m-server/events.ts';
import { EventStreams, MAX_STREAMS, type StreamSink } from '../../../../lwm2m-server/rest/events/event-streams.ts';
import { CoapTraces } from '../../../../lwm2m-server/trace/coap-traces.ts';
import { eventually } from '../../../rig/gateway.ts';

/** A client that takes everything until it is told to take nothing. */
class FakeSink implements StreamSink {
  text = '';
  takes = true;
  ended: 'end' | 'destroy' | undefined;
  #drained: (() => void) | undefined;

  write(text: string): boolean {
    this.text += text;
    return this.takes;
  }
  onceDrained(then: () => void): void {
    this.#drained = then;
  }
  drain(): void {
    this.takes = true;
    this.#drained?.();
  }
  end(): void {
    this.ended = 'end';
  }
  destroy(): void {
    this.ended = 'destroy';
  }
  get names(): string[] {
    return [...this.text.matchAll(/^event: (\w+)/gm)].map((match) => match[1]!);
  }
  get lastId(): string {
    return [...this.text.matchAll(/^id: (\S+)/gm)].at(-1)![1]!;
  }
}

const awake = (endpointName: string): ServerEvent => ({ kind: 'awake', registration: { endpointName } as never });

describe('REST: event streams', () => {
  let events: ServerEvents;
  let streams: EventStreams;
  const endpoint: ConstructorParameters<typeof CoapTraces>[0]['endpoint'] = { watch: undefined };

  function make(run = 'run1'): EventStreams {
    const registrations = { byEndpointName: () => undefined };
    const traces = new CoapTraces({ endpoint, registrations, events, now: () => 0 });
    const state = { sleeping: () => undefined, awakeUntilMs: () => undefined, secure: () => false };
    return new EventStreams({ events, traces, state, run, elapsed: () => performance.now() });
  }
  beforeEach(() => {
    events = new ServerEvents((error) => assert.fail(String(error)));
    streams = make();
  });
  afterEach(() => streams.close());

  const open = (sink: FakeSink, endpointName?: string, lastEventId?: string) =>
    streams.open(sink, { endpointName, lastEventId });

  it('listens only while somebody does', () => {
    assert.equal(events.hasListeners, false);
    open(new FakeSink());
    assert.equal(events.hasListeners, true);
    streams.close();
    assert.equal(events.hasListeners, false);
  });

  it('sends each event once, in order, with an id, in lines that end with CR and LF', async () => {
    const sink = new FakeSink();
    open(sink);
    events.emit(awake('a'));
    events.emit({ kind: 'sleeping', registration: { endpointName: 'a' } as never });
    await eventually('two events', () => sink.names.length === 2);
    assert.equal(sink.text.split('\r\n\r\n')[0], 'event: AWAKE\r\nid: run1-2\r\ndata: {"ep":"a"}');
    assert.deepEqual(sink.names, ['AWAKE', 'SLEEPING']);
  });

  it('sends a stream of one device the events of this device, and traces it meanwhile', async () => {
    const [one, all] = [new FakeSink(), new FakeSink()];
    const endOne = open(one, 'a');
    open(all);
    assert.notEqual(endpoint.watch, undefined);
    for (const name of ['b', 'a', 'c']) events.emit(awake(name));
    await eventually('three events', () => all.names.length === 3);
    assert.equal(one.text.match(/data: .*/g)?.join(), 'data: {"ep":"a"}');
    endOne();
    assert.equal(endpoint.watch, undefined);
  });

  it('goes on behind the last event that a client saw', async () => {
    const first = new FakeSink();
    const end = open(first);
    events.emit(awake('a'));
    await eventually('one event', () => first.names.length === 1);
    end();
    events.emit(awake('b'));
    const second = new FakeSink();
    open(second, undefined, first.lastId);
    await eventually('the event between', () => second.text.includes('"b"'));
    assert.equal(second.text.includes('"a"'), false);
    assert.deepEqual(second.names, ['AWAKE']);
  });

  it('says that nobody knows what was missed since another run, or since an id that never was', async () => {
    for (const id of ['run0-1', 'run1-999', 'nonsense', 'run1-99999999999999999999']) {
      const sink = new FakeSink();
      open(sink, undefined, id);
      await eventually('a gap', () => sink.names.length === 1);
      assert.match(sink.text, /^event: GAP\r\nid: run1-\d+\r\ndata: {"missed":null}\r\n\r\n$/);
    }
  });

  it('keeps nothing for a client that takes nothing, and then says how many it missed', async () => {
    const sink = new FakeSink();
    sink.takes = false;
    open(sink);
    for (let i = 0; i < 5_000; i++) events.emit(awake(`d${i}`));
    await eventually('one write', () => sink.names.length === 1);
    for (let i = 0; i < 5_000; i++) events.emit(awake(`e${i}`));
    const before = sink.text.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(sink.text.length, before);
    sink.drain();
    await eventually('the rest', () => sink.text.includes('"e4999"'));
    const seen = sink.names.filter((name) => name === 'AWAKE').length;
    const gaps = [...sink.text.matchAll(/event: GAP\r\nid: \S+\r\ndata: {"missed":(\d+)}/g)].map(([, missed]) =>
      Number(missed),
    );
    const missed = gaps.reduce((sum, one) => sum + one, 0);
    assert.equal(seen + missed, 10_000);
    assert.equal(streams.missed, missed);
  });

  it('refuses a stream beyond the limit, and has room again once one has gone', () => {
    const ends = Array.from({ length: MAX_STREAMS }, () => open(new FakeSink()));
    assert.throws(
      () => open(new FakeSink()),
      (error) => hasCode(error, 'COAP_QUEUE_FULL'),
    );
    ends[0]!();
    open(new FakeSink());
    assert.equal(streams.size, MAX_STREAMS);
  });

  it('ends all when the server stops', () => {
    const sinks = [new FakeSink(), new FakeSink()];
    for (const sink of sinks) open(sink);
    streams.close();
    assert.deepEqual(
      sinks.map(({ ended }) => ended),
      ['end', 'end'],
    );
    assert.equal(streams.size, 0);
  });
});
