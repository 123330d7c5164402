import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CoapEndpoint } from '../lwm2m/coap/endpoint.ts';

/** How many confirmable notifications one endpoint takes and acknowledges per second. By hand: `node bench/coap-endpoint.ts`. */
const SECONDS = 4;
const DEVICES = 100;
const WINDOW_PER_DEVICE = 2;

const endpoint = await CoapEndpoint.open({
  receiveBufferBytes: 4 * 2 ** 20,
  onRequest: (_request, respond) => respond({ code: '4.04' }),
  onNotification: (notification) => notification.acknowledge(),
});

const sender = new URL('coap-notifier.ts', import.meta.url).pathname;
const before = process.cpuUsage();
const args = [sender, endpoint.localPort, DEVICES, WINDOW_PER_DEVICE, SECONDS].map(String);
const { stdout } = await promisify(execFile)(process.execPath, args);
const { user, system } = process.cpuUsage(before);
const sent = JSON.parse(stdout) as { acknowledged: number; cpuSeconds: number };
const { notificationsIn, duplicates } = endpoint.counters;
const cpuSeconds = (user + system) / 1e6;

console.log(`devices ${DEVICES}, unacknowledged at a time ${WINDOW_PER_DEVICE} each, ${SECONDS} s`);
console.log(`received ${notificationsIn}, duplicates ${duplicates}, acknowledgements seen ${sent.acknowledged}`);
console.log(`${Math.round(sent.acknowledged / SECONDS)} notifications/s`);
console.log(
  `endpoint ${((cpuSeconds * 1e6) / notificationsIn).toFixed(2)} µs CPU per notification (user ${(user / 1e6).toFixed(2)} s, system ${(system / 1e6).toFixed(2)} s)`,
);
console.log(`sender ${((sent.cpuSeconds * 1e6) / notificationsIn).toFixed(2)} µs CPU per notification`);
console.log(`resident ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`);
await endpoint.close();
