import { createSocket } from 'node:dgram';

/** The sending side of the CoAP bench: many devices in one process, each with a window of unacknowledged notifications. */
const [port, sockets, windowPerDevice, seconds] = process.argv.slice(2).map(Number) as [number, number, number, number];

const PAYLOAD = Buffer.from('e8164063c08312d5', 'hex'); // one TLV float of object 3303

function notification(): Buffer {
  // CON 2.05, 8-byte token, Observe (3 bytes), Content-Format 11542
  const head = '4845000001020304050607086300000062' + '2d16' + 'ff';
  return Buffer.concat([Buffer.from(head, 'hex'), PAYLOAD]);
}

let acknowledged = 0;
let stopped = false;

function device(): void {
  const socket = createSocket({
    type: 'udp4',
    lookup: ((address: string, family: unknown, callback: (e: null, a: string, f: unknown) => void) =>
      callback(null, address, family)) as never,
  });
  let sequence = 0;
  const send = (): void => {
    sequence++;
    const datagram = notification();
    datagram.writeUInt16BE(sequence & 0xffff, 2);
    datagram.writeUIntBE(sequence & 0xffffff, 13, 3);
    socket.send(datagram, 0, datagram.length, port, '127.0.0.1');
  };
  socket.on('message', () => {
    acknowledged++;
    if (!stopped) send();
  });
  socket.bind(0, '127.0.0.1', () => {
    for (let i = 0; i < windowPerDevice; i++) send();
  });
  socket.unref();
}

for (let i = 0; i < sockets; i++) device();
setTimeout(() => {
  stopped = true;
  const { user, system } = process.cpuUsage();
  process.stdout.write(JSON.stringify({ acknowledged, cpuSeconds: (user + system) / 1e6 }));
}, seconds * 1000);
