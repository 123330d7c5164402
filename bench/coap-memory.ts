import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CoapEndpoint } from '../lwm2m/coap/endpoint.ts';
import { encodeMessage } from '../lwm2m/coap/message.ts';
import { type TransportOpener, udpPeer } from '../lwm2m/coap/transport.ts';

/** Bytes that the endpoint holds for each peer, by what the peer did. By hand: `node bench/coap-memory.ts`. */
const PEERS = 100_000;

let deliver: (datagram: Buffer, peer: ReturnType<typeof udpPeer>) => void = () => undefined;
const transport: TransportOpener = async ({ onDatagram }) => {
  deliver = onDatagram;
  return { send: () => undefined, close: async () => undefined, localAddress: '127.0.0.1', localPort: 0 };
};
const endpoint = await CoapEndpoint.open({
  transport,
  onRequest: (_request, respond) => respond({ code: '2.01', locationPath: ['rd', 'ABCDEFGHIJKL'] }),
  onNotification: (notification) => notification.acknowledge(),
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function held(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const peers = Array.from({ length: PEERS }, (_, i) => udpPeer(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 5683));
let before = held();
function show(what: string): void {
  const now = held();
  console.log(`${what}: ${Math.round((now - before) / PEERS)} bytes more per peer`);
  before = now;
}

const options = (number: number, value: string) => [{ number, value: Buffer.from(value) }];
function send(code: string, messageId: number, optionList: { number: number; value: Buffer }[], payload: string): void {
  for (const peer of peers) {
    const token = Buffer.from(peer.address);
    deliver(
      encodeMessage({
        type: 'CON',
        code,
        messageId,
        token: token.subarray(-4),
        options: optionList,
        payload: Buffer.from(payload),
      }),
      peer,
    );
  }
}

send('0.00', 0, [], '');
show('an empty message (no state)');
send('0.02', 1, options(11, 'rd'), '</3/0>');
show('a registration, its reply remembered');
send('2.05', 2, options(6, 'a'), '22.5');
show('a first notification');
for (let id = 3; id < 10; id++) send('2.05', id, options(6, 'b'), '22.5');
show('eight notifications in all');
for (let id = 10; id < 80; id++) send('2.05', id, options(6, 'c'), '22.5');
show('78 notifications in all');
console.log(endpoint.held);
await endpoint.close();
