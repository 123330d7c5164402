import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePath } from '../../lwm2m/path.ts';
import { freeUdpPort } from '../peers/free-port.ts';
import { type ClientRun, coapClient, type Libcoap, provideLibcoap, startCoapServer } from '../peers/libcoap.ts';
import type { Peer } from '../peers/peers.ts';
import { startGateway } from '../rig/edge.ts';
import { eventually, type TestGateway } from '../rig/gateway.ts';
import { closesWith, type Format, Matrix } from './matrix.ts';
import { notifiedText, Operator, writeBody } from './operator.ts';
import { singleValue } from './values.ts';

const EP = 'libcoap';
const FIRMWARE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 9)) % 256));
/** The download of the packages at the first use. */
const PROVISION_MS = 3 * 60_000;

/** {-2: "/3303/0/", 0: "5700", 2: 21.5} and {0: "5701", 3: "Cel"} of RFC 8428 §6, written by hand. */
const SENML_CBOR = Buffer.concat([
  Buffer.from('82a321', 'hex'),
  Buffer.from('68', 'hex'),
  Buffer.from('/3303/0/'),
  Buffer.from('0064', 'hex'),
  Buffer.from('5700'),
  Buffer.from('02f94d60', 'hex'),
  Buffer.from('a20064', 'hex'),
  Buffer.from('5701', 'utf8'),
  Buffer.from('0363', 'hex'),
  Buffer.from('Cel'),
]);

/** {3303: {0: {5700: 21.5}}}, written by hand. */
const LWM2M_CBOR = Buffer.from('a1190ce7a100a1191644f94d60', 'hex');

/** libcoap speaks CoAP and knows no LwM2M: its client plays what a device sends, its server what a device is asked. */
describe('libcoap', function () {
  this.timeout(60_000);
  const matrix = new Matrix({
    id: '3-libcoap',
    title: 'libcoap 4.3 (CoAP)',
    about:
      'coap-client registers and sends, coap-server holds the resources under the same port; it keeps a body as it was written, so a format is proven by its way there and back.',
  });
  let tools: Libcoap;
  let folder: string;
  let gateway: TestGateway;
  let operator: Operator;
  let devicePort: number;
  let location: readonly string[];
  let server: Peer | undefined;

  before(async function () {
    this.timeout(PROVISION_MS);
    tools = await provideLibcoap();
    folder = await mkdtemp(join(tmpdir(), 'zeelos-libcoap-'));
    await writeFile(join(folder, 'image.bin'), FIRMWARE);
    gateway = await startGateway({ firmwareDir: folder });
    operator = await Operator.at(gateway);
    devicePort = await freeUdpPort();
  });
  after(async () => {
    await server?.stop();
    await gateway?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  const uri = (path: string) => `coap://127.0.0.1:${gateway.coapPort}/${path}`;
  const say = (method: string, path: string, ...more: readonly string[]): Promise<ClientRun> =>
    coapClient(tools, ['-p', String(devicePort), '-m', method, ...more, uri(path)]);

  it('registers and updates', async () => {
    const links = '</>;rt="oma.lwm2m";ct="110 112",</3303/0>,</5/0>';
    const answer = await say('post', `rd?ep=${EP}&lt=300&lwm2m=1.1&b=U`, '-t', '40', '-e', links);
    assert.equal(answer.code, '2.01', answer.output);
    assert.equal(answer.locationPath[0], 'rd');
    location = answer.locationPath;
    assert.equal((await say('post', location.join('/'))).code, '2.04');
    for (const each of ['register', 'update']) matrix.plain(each);
  });

  it('sends values in SenML JSON, in blocks too, and SenML CBOR; what is no SenML is refused', async () => {
    const base = 1_700_000_000;
    const records = Array.from({ length: 100 }, (_, i) => ({ n: '5700', v: i / 4, t: base + i }));
    const json = join(folder, 'send.json');
    await writeFile(json, JSON.stringify([{ bn: '/3303/0/' }, ...records]));
    const sent = await say('post', 'dp', '-t', '110', '-b', '64', '-f', json);
    assert.equal(sent.code, '2.04', sent.output.slice(-500));
    await eventually('a record for each time', () => operator.sent(EP).length === records.length);
    const seen = operator.sent(EP);
    assert.deepEqual(
      seen.map((record) => record.timestamp),
      records.map(({ t }) => t * 1_000),
    );
    assert.deepEqual(
      seen.map(notifiedText),
      records.map(({ v }) => String(v)),
    );
    matrix.cell('Send', 'SENML_JSON', 'yes');
    matrix.plain('Send of 100 times in blocks, SenML JSON');
    const cbor = join(folder, 'send.cbor');
    await writeFile(cbor, SENML_CBOR);
    assert.equal((await say('post', 'dp', '-t', '112', '-f', cbor)).code, '2.04');
    await eventually('both values', () => operator.sent(EP).length === records.length + 2);
    const byPath = operator
      .sent(EP)
      .slice(-2)
      .map((record) => `${record.path}=${notifiedText(record)}`);
    assert.deepEqual(byPath.sort(), ['/3303/0/5700=21.5', '/3303/0/5701=Cel']);
    matrix.cell('Send', 'SENML_CBOR', 'yes');
    const tree = join(folder, 'send-tree.cbor');
    await writeFile(tree, LWM2M_CBOR);
    assert.equal((await say('post', 'dp', '-t', '11544', '-f', tree)).code, '2.04');
    await eventually('the value', () => operator.sent(EP).length === records.length + 3);
    assert.equal(notifiedText(operator.sent(EP).at(-1)!), '21.5');
    matrix.cell('Send', 'LWM2M_CBOR', 'yes');
    assert.equal((await say('post', 'dp', '-t', '110', '-e', '[{"n":')).code, '4.00');
    assert.equal((await say('post', 'dp', '-t', '0', '-e', '21.5')).code, '4.15');
  });

  it('pulls a firmware file in blocks', async () => {
    const file = join(folder, 'pulled.bin');
    const answer = await say('get', 'fw/image.bin', '-b', '512', '-o', file);
    assert.equal(answer.code, '2.05');
    assert.ok((await readFile(file)).equals(FIRMWARE));
    assert.match(answer.output, /c:4\.01 .*Echo:/, 'nobody knew yet that it receives at its address');
    matrix.plain('proof of the address by Echo (RFC 9175)');
    matrix.plain('firmware pull, 200 kB');
  });

  describe('as a device', () => {
    const path = '/3303/0/5700';
    before(async () => {
      server = await startCoapServer(tools, devicePort);
      const up = async () => (await coapClient(tools, ['-B', '1', `coap://127.0.0.1:${devicePort}/`])).code === '2.05';
      await eventually('coap-server', up);
    });

    it('writes and reads in each format', async () => {
      const formats: readonly Format[] = [
        'TEXT_CODE',
        'TLV',
        'JSON_CODE',
        'CBOR',
        'SENML_JSON',
        'SENML_CBOR',
        'LWM2M_CBOR',
      ];
      for (const [index, format] of formats.entries()) {
        // It remembers the Content-Format of the first PUT of a resource only.
        const at = `/3303/${index + 1}/5700`;
        for (const [code, text] of [
          ['CREATED', '0.25'],
          ['CHANGED', `${index}.5`],
        ] as const) {
          const body = writeBody('REPLACE', singleValue(parsePath(at), 'FLOAT', text));
          const write = await operator.ask(EP, 'write', at, { format, body });
          assert.equal(write.code, code, `${format} ${write.message}`);
          assert.equal((await operator.ask(EP, 'read', at, { format })).content, text, format);
        }
        matrix.cell('write', format, 'yes');
        matrix.cell('read', format, 'yes');
      }
    });

    it('200 kB there and back in blocks', async () => {
      const body = writeBody('REPLACE', singleValue(parsePath('/5/0/0'), 'OPAQUE', FIRMWARE.toString('hex')));
      const write = await operator.ask(EP, 'write', '/5/0/0', { format: 'OPAQUE_CODE', body });
      assert.equal(write.code, 'CREATED', write.message);
      const read = await operator.ask(EP, 'read', '/5/0/0', { format: 'OPAQUE_CODE' });
      assert.ok(Buffer.from(read.content, 'hex').equals(FIRMWARE));
      matrix.cell('write 200 kB in blocks', 'OPAQUE_CODE', 'yes');
      matrix.cell('read 200 kB in blocks', 'OPAQUE_CODE', 'yes');
    });

    it('observes, is notified, cancels', async () => {
      const put = (text: string) =>
        coapClient(tools, ['-m', 'put', '-t', '0', '-e', text, `coap://127.0.0.1:${devicePort}${path}`]);
      await put('1.5');
      const first = await operator.ask(EP, 'observe', path, { ticket: 'seen', format: 'TEXT_CODE' });
      assert.equal(first.content, '1.5');
      const seen = () => operator.notified(EP, 'seen').map(notifiedText);
      for (const text of ['2.5', '3.5']) {
        await put(text);
        await eventually(`the notification of ${text}`, () => seen().includes(text));
      }
      const cancelled = await operator.ask(EP, 'observeCancel', path, { format: 'TEXT_CODE' });
      assert.equal(cancelled.code, 'CONTENT', cancelled.message);
      await put('4.5');
      assert.equal((await operator.ask(EP, 'read', path, { format: 'TEXT_CODE' })).content, '4.5');
      assert.ok(!seen().includes('4.5'), 'nothing is notified after the cancel');
      matrix.plain('observe, notify, active cancel');
    });

    it('what is not there is not found; a delete', async () => {
      assert.equal((await operator.ask(EP, 'read', '/3303/0/5701')).code, 'NOT_FOUND');
      assert.equal((await operator.ask(EP, 'delete', '/3303/99')).code, 'DELETED');
      matrix.plain('refusals reach the operator');
      matrix.plain('delete');
    });

    it('de-registers', async () => {
      await server!.stop();
      assert.equal((await say('delete', location.join('/'))).code, '2.02');
      matrix.plain('de-register');
    });
  });

  closesWith(matrix);
});
