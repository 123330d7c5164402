import assert from 'node:assert/strict';
import { CoapEndpoint, type CoapNotification } from '../../../../lwm2m/coap/endpoint.ts';
import { encodeMessage, readMessage } from '../../../../lwm2m/coap/message.ts';
import type { Peer, TransportEvents, TransportOpener } from '../../../../lwm2m/coap/transport.ts';

/** A transport that knows its peers by a session, as DTLS with Connection ID does. */
class Sessions {
  readonly sent: { readonly datagram: Buffer; readonly peer: Peer }[] = [];
  closed = false;
  events!: TransportEvents;
  readonly open: TransportOpener = async (events) => {
    this.events = events;
    return {
      send: (datagram, peer) => void this.sent.push({ datagram: Buffer.from(datagram), peer }),
      close: async () => {
        this.closed = true;
      },
      localAddress: '127.0.0.1',
      localPort: 5684,
      provesAddresses: true,
    };
  };
}

const at = (address: string, port: number): Peer => ({ key: 'session:1', address, port });
const message = (parts: object): Buffer =>
  encodeMessage({
    type: 'CON',
    code: '0.01',
    messageId: 1,
    token: Buffer.from([1]),
    options: [],
    payload: Buffer.alloc(0),
    ...parts,
  });

describe('CoAP over a transport of sessions', () => {
  let sessions: Sessions;
  let endpoint: CoapEndpoint;
  let notifications: CoapNotification[];

  beforeEach(async () => {
    sessions = new Sessions();
    notifications = [];
    endpoint = await CoapEndpoint.open({
      transport: sessions.open,
      limits: { ackTimeoutMs: 20, maxRetransmit: 2 },
      onRequest: (request, respond) => respond({ code: '2.05', payload: Buffer.from(request.peer.address.repeat(20)) }),
      onNotification: (notification) => void notifications.push(notification),
    });
  });
  afterEach(async () => {
    await endpoint.close();
    assert.equal(sessions.closed, true);
  });

  it('answers a peer that moved at its new address, and takes it for the same', async () => {
    sessions.events.onDatagram(message({}), at('10.0.0.1', 1));
    sessions.events.onDatagram(message({ messageId: 2 }), at('10.0.0.2', 2));
    assert.deepEqual(
      sessions.sent.map(({ peer }) => peer.address),
      ['10.0.0.1', '10.0.0.2'],
    );
    assert.equal(endpoint.held.peers, 1);
    sessions.events.onDatagram(message({ messageId: 2 }), at('10.0.0.3', 3));
    assert.equal(endpoint.counters.duplicates, 1);
    assert.equal(sessions.sent[2]?.peer.address, '10.0.0.3');
    assert.ok(sessions.sent[0]!.datagram.length > 3 * message({}).length, 'the handshake proved the address');
  });

  it('retransmits to where the peer is by then, and takes the answer from there', async () => {
    const answer = endpoint.request(at('10.0.0.1', 1), { method: 'GET', path: ['3'] });
    assert.equal(sessions.sent[0]?.peer.address, '10.0.0.1');
    sessions.events.onDatagram(Buffer.from('40001234', 'hex'), at('10.0.0.9', 9)); // a ping: it is alive, elsewhere
    sessions.events.onDatagram(message({ messageId: 77 }), at('10.0.0.9', 9));
    await new Promise((resolve) => setTimeout(resolve, 80));
    const requests = sessions.sent.filter(({ datagram }) => datagram[1] === 1);
    assert.equal(requests.at(-1)?.peer.address, '10.0.0.9');
    const { token, messageId } = readMessage(requests[0]!.datagram) as { token: Buffer; messageId: number };
    sessions.events.onDatagram(message({ type: 'ACK', code: '2.05', messageId, token }), at('10.0.0.10', 10));
    assert.equal((await answer).code, '2.05');
  });

  it('acknowledges a notification where the device is when its record is committed', () => {
    sessions.events.onDatagram(message({ code: '2.05', messageId: 5 }), at('10.0.0.1', 1));
    sessions.events.onDatagram(message({ code: '2.05', messageId: 6 }), at('10.0.0.2', 2));
    notifications[0]?.acknowledge();
    assert.equal(sessions.sent.at(-1)?.datagram.toString('hex'), '60000005');
    assert.equal(sessions.sent.at(-1)?.peer.address, '10.0.0.2');
  });

  it('shows everything to whoever watches, and survives a watcher that throws', () => {
    const seen: string[] = [];
    endpoint.watch = (direction, datagram, peer) => {
      seen.push(`${direction} ${Buffer.from(datagram).toString('hex')} ${peer.address}`);
      throw new Error('a fault of the watcher');
    };
    sessions.events.onDatagram(Buffer.from('40001234', 'hex'), at('10.0.0.1', 1));
    assert.deepEqual(seen, ['in 40001234 10.0.0.1', 'out 70001234 10.0.0.1']);
    endpoint.watch = undefined;
    sessions.events.onDatagram(Buffer.from('40001235', 'hex'), at('10.0.0.1', 1));
    assert.equal(seen.length, 2);
    assert.equal(sessions.sent.length, 2);
  });
});
