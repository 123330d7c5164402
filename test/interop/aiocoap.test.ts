import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { CoapEndpoint, type CoapNotification } from '../../lwm2m/coap/endpoint.ts';
import { udpPeer } from '../../lwm2m/coap/transport.ts';
import { freeUdpPort } from '../peers/free-port.ts';
import { providePython } from '../peers/peers.ts';

const LONG = Buffer.from(Array.from({ length: 5_000 }, (_, i) => 97 + (i % 26)));
const SCRIPT = new URL('aiocoap/peer.py', import.meta.url).pathname;
/** aiocoap in a fresh interpreter, on a busy machine; its environment may have to be made first. */
const PROVISION_MS = 180_000;

describe('aiocoap', function () {
  this.timeout(30_000);
  let python: string;
  before(async function () {
    this.timeout(PROVISION_MS);
    python = await providePython();
  });

  it('as client: registers, long bodies both ways, a separate response, observes, also in blocks', async () => {
    const endpoint = await CoapEndpoint.open({
      limits: { separateAfterMs: 50 },
      onNotification: (notification) => notification.reject(),
      onRequest: (request, respond) => {
        endpoint.trust(request.peer); // its client does not return an Echo (RFC 9175)
        const [path] = request.path;
        if (path === 'rd') respond({ code: '2.01', locationPath: ['rd', 'ab'] });
        else if (path === 'long') respond({ code: '2.05', payload: LONG });
        else if (path === 'echo') respond({ code: '2.04', payload: request.payload });
        else if (path === 'slow') setTimeout(() => respond({ code: '2.05', payload: Buffer.from('late') }), 200);
        else if (request.observe !== 0) respond({ code: '2.05', payload: LONG });
        else {
          respond({ code: '2.05', payload: Buffer.from('1'), observe: 1 });
          const { peer, token } = request;
          const notify = (observe: number, payload: Buffer) =>
            endpoint.notify(peer, { token, observe, confirmable: true, payload, path: ['observed'] });
          setTimeout(async () => {
            outcomes.push(await notify(2, Buffer.from('2')));
            outcomes.push(await notify(3, LONG));
          }, 100);
        }
      },
    });
    const outcomes: string[] = [];
    try {
      const uri = `coap://127.0.0.1:${endpoint.localPort}`;
      const { stdout } = await promisify(execFile)(python, [SCRIPT, 'client', uri]);
      assert.deepEqual(JSON.parse(stdout), {
        register: ['2.01 Created', ['rd', 'ab']],
        long: true,
        slow: 'late',
        echo: true,
        observed: ['1', '2', 5000],
      });
      assert.deepEqual(outcomes, ['acknowledged', 'acknowledged']);
    } finally {
      await endpoint.close();
    }
  });

  describe('as server', () => {
    let port: number;
    const notifications: CoapNotification[] = [];
    let peer: ReturnType<typeof udpPeer>;
    let server: ChildProcess;
    let endpoint: CoapEndpoint;

    before(async () => {
      port = await freeUdpPort();
      peer = udpPeer('127.0.0.1', port);
      server = spawn(python, [SCRIPT, 'server', String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(server.stdout!, 'data');
      endpoint = await CoapEndpoint.open({
        onRequest: (_request, respond) => respond({ code: '4.04' }),
        onNotification: (notification) => {
          notifications.push(notification);
          notification.acknowledge();
        },
        pathOfNotification: () => ({ path: ['observed'] }),
      });
    });
    after(async () => {
      await endpoint.close();
      const ended = once(server, 'exit');
      server.stdin!.end();
      await ended;
    });

    it('sends a long response in blocks', async () => {
      assert.deepEqual((await endpoint.request(peer, { method: 'GET', path: ['long'] })).payload, LONG);
    });

    it('takes and returns a long body in blocks', async () => {
      const response = await endpoint.request(peer, { method: 'PUT', path: ['echo'], payload: LONG });
      assert.equal(response.code, '2.04');
      assert.deepEqual(response.payload, LONG);
    });

    it('answers late, separately', async () => {
      assert.equal(String((await endpoint.request(peer, { method: 'GET', path: ['slow'] })).payload), 'late');
    });

    it('answers a ping', async () => assert.equal(await endpoint.ping(peer, 2_000), true));

    it('notifies, also in blocks', async () => {
      const first = await endpoint.request(peer, { method: 'GET', path: ['observed'], observe: 0 });
      assert.equal(String(first.payload), '1');
      const deadline = Date.now() + 5_000;
      while (notifications.length < 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.deepEqual(
        notifications.map((n) => (n.payload.length < 100 ? String(n.payload) : n.payload.length)),
        ['2', 5_000],
      );
    });
  });
});
