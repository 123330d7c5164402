import assert from 'node:assert/strict';
import { generate } from 'coap-packet';
import { hasCode } from '../../../../common/errors.ts';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { ServerEvents } from '../../../../lwm2m-server/events.ts';
import {
  CoapTraces,
  ENTRIES_PER_DEVICE,
  MAX_TRACED_DEVICES,
  type Watch,
} from '../../../../lwm2m-server/trace/coap-traces.ts';

const FIRST = udpPeer('127.0.0.1', 1_111);
const SECOND = udpPeer('127.0.0.1', 2_222);
type Packet = Parameters<typeof generate>[0];

describe('CoAP trace', () => {
  let endpoint: { watch: Watch | undefined };
  let events: ServerEvents;
  let traces: CoapTraces;
  let peers: Map<string, typeof FIRST>;

  beforeEach(() => {
    endpoint = { watch: undefined };
    events = new ServerEvents((error) => assert.fail(String(error)));
    peers = new Map([['a', FIRST]]);
    const registrations = {
      byEndpointName: (name: string) => (peers.has(name) ? ({ peer: peers.get(name) } as never) : undefined),
    };
    traces = new CoapTraces({ endpoint, registrations, events, now: () => 5 });
  });

  const show = (direction: 'in' | 'out', packet: Packet, peer = FIRST) =>
    endpoint.watch!(direction, generate(packet), peer);
  const last = () => traces.of('a')!.entries.at(-1)!;
  const uri = (...segments: string[]) =>
    segments.map((value) => ({ name: 'Uri-Path' as const, value: Buffer.from(value) }));

  it('watches the endpoint only while something is traced', () => {
    traces.start('a', 'me');
    assert.notEqual(endpoint.watch, undefined);
    assert.equal(events.hasListeners, true);
    assert.equal(traces.stop('a', 'somebody else'), false);
    assert.equal(traces.stop('a', 'me'), true);
    assert.equal(endpoint.watch, undefined);
    assert.equal(events.hasListeners, false);
    assert.equal(traces.of('a'), undefined);
  });

  it('goes on until the last who asked has let go', () => {
    traces.start('a', 1);
    traces.start('a', 1);
    traces.start('a', 2);
    traces.stop('a', 1);
    assert.notEqual(traces.of('a'), undefined);
    traces.stop('a', 2);
    assert.equal(traces.size, 0);
  });

  it('shows the messages of the device and of no other', () => {
    traces.start('a', 1);
    show('out', {
      code: 'GET',
      messageId: 7,
      token: Buffer.from('ab', 'hex'),
      options: [...uri('3', '0')],
      confirmable: true,
    });
    show('out', { code: 'GET', messageId: 8, options: [] }, SECOND);
    assert.deepEqual(traces.of('a')!.entries, [
      {
        timestamp: 5,
        incoming: false,
        type: 'CON',
        code: 'GET',
        mId: 7,
        token: 'ab',
        options: 'Uri-Path: 3, Uri-Path: 0',
        payload: '',
      },
    ]);
  });

  it('shows text as text and bytes as hex', () => {
    traces.start('a', 1);
    show('in', { code: '2.05', ack: true, messageId: 1, payload: Buffer.from('21.5 °'.slice(0, 4)) });
    assert.deepEqual([last().incoming, last().type, last().code, last().payload], [true, 'ACK', '2.05', '21.5']);
    show('in', { code: '2.05', payload: Buffer.from([0xc1, 0x00]) });
    assert.equal(last().payload, 'Hex:c100');
    show('in', { code: '2.05', payload: Buffer.alloc(1_200, 'x') });
    assert.equal(last().payload.length, 1_025);
  });

  it('shows datagrams that are no CoAP message', () => {
    traces.start('a', 1);
    endpoint.watch!('in', Buffer.from('ffff', 'hex'), FIRST);
    assert.deepEqual([last().code, last().payload], ['malformed', 'Hex:ffff']);
  });

  it('does not show what is written to object 0, at any root, nor the answers to such requests', () => {
    traces.start('a', 1);
    const token = Buffer.from('0102', 'hex');
    const secret = Buffer.from('my key');
    for (const path of [uri('0', '1', '5'), uri('0'), uri('lwm2m', '0', '0')]) {
      show('out', { code: 'PUT', token, options: path, payload: secret });
      assert.match(last().payload, /^\(not shown/);
    }
    show('in', { code: '2.05', token, payload: secret });
    assert.match(last().payload, /^\(not shown/);
    show('out', {
      code: 'PUT',
      token: Buffer.from('03', 'hex'),
      options: uri('1', '0', '0'),
      payload: Buffer.from('60'),
    });
    assert.equal(last().payload, '60');
    assert.equal(JSON.stringify(traces.of('a')).includes('my key'), false);
  });

  it('keeps a copy: the endpoint goes on using its buffer', () => {
    traces.start('a', 1);
    const datagram = generate({ code: '2.05', token: Buffer.from('aa', 'hex'), payload: Buffer.from('one') });
    endpoint.watch!('in', datagram, FIRST);
    datagram.fill(0);
    assert.deepEqual([last().token, last().payload], ['aa', 'one']);
  });

  it('keeps the newest and counts the others', () => {
    traces.start('a', 1);
    for (let messageId = 1; messageId <= ENTRIES_PER_DEVICE + 3; messageId++) show('in', { code: '2.05', messageId });
    const { entries, dropped } = traces.of('a')!;
    assert.deepEqual([entries.length, entries[0]!.mId, dropped], [ENTRIES_PER_DEVICE, 4, 3]);
  });

  it('follows a device to its new address, and begins with one that was not registered', () => {
    peers.clear();
    traces.start('a', 1);
    show('in', { code: '2.05' });
    assert.equal(traces.of('a')!.entries.length, 0);
    events.emit({ kind: 'registered', registration: { endpointName: 'a', peer: FIRST } as never });
    show('in', { code: '2.05' });
    events.emit({ kind: 'updated', registration: { endpointName: 'a', peer: SECOND } as never });
    show('in', { code: '2.05' });
    show('in', { code: '2.05' }, SECOND);
    assert.equal(traces.of('a')!.entries.length, 2);
  });

  it('traces so many devices and no more', () => {
    for (let i = 0; i < MAX_TRACED_DEVICES; i++) traces.start(`d${i}`, 1);
    assert.throws(
      () => traces.start('one more', 1),
      (error) => hasCode(error, 'COAP_QUEUE_FULL'),
    );
    traces.start('d0', 2);
  });

  it('takes any datagram', () => {
    traces.start('a', 1);
    for (let i = 0; i < 5_000; i++) {
      const bytes = Buffer.from(Array.from({ length: i % 60 }, () => Math.trunc(Math.random() * 256)));
      endpoint.watch!('in', bytes, FIRST);
    }
    assert.equal(traces.of('a')!.entries.length, ENTRIES_PER_DEVICE);
  });
});
