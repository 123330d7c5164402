import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KafkaBatchSender } from '../../../common/kafka/batch-sender.ts';
import { CommittingProducer } from '../../../common/kafka/committing-producer.ts';
import { createLog } from '../../../common/log.ts';
import { coreObjectModels } from '../../../lwm2m/model/core-objects.ts';
import { Outbox } from '../../../lwm2m-server/bridge/outbox.ts';
import { ModelStore } from '../../../lwm2m-server/models/model-store.ts';
import { ddfXml } from '../../rig/ddf.ts';
import { useEdge } from '../../rig/edge.ts';
import { eventually, type GatewayOptions, TestGateway } from '../../rig/gateway.ts';
import { AnsweringDevice } from './answering-device.ts';

const log = createLog('test', 'silent');
const PATH = '/27123/0/7';
const LINKS = '</3/0>,</27123/0>';

const meter = (type: string, version = '1.0') =>
  ddfXml({ id: 27123, name: 'Meter', version, resources: [{ id: 7, name: 'Count', type }] });

describe('lwm2m-server with models of others', function () {
  this.timeout(60_000);
  const devices: AnsweringDevice[] = [];
  let folder: string;
  let gateway: TestGateway | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-models-'));
  });
  afterEach(async () => {
    for (const device of devices.splice(0)) await device.close();
    await gateway?.close();
    gateway = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  async function create(options: GatewayOptions = {}): Promise<TestGateway> {
    gateway = await TestGateway.create(await useEdge(), { observe: [PATH], ...options });
    return gateway;
  }

  /** Registers a device whose value at PATH is this text; resolves with the type and value that were recorded. */
  async function recorded(at: TestGateway, ep: string, text: string, links = LINKS): Promise<unknown> {
    const answer: AnsweringDevice['answer'] = (_, respond) =>
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from(text), observe: 1 });
    devices.push(await AnsweringDevice.start(at.coapPort, ep, answer, links));
    const own = async () => (await at.observations()).filter((record) => record.ep === ep);
    await eventually('the first value', async () => (await own()).length === 1);
    const body = JSON.parse(JSON.stringify((await own())[0]!.value!.rep.body));
    const content = body['io.zeelos.leshan.avro.response.AvroReadResponseBody'].content;
    return content['io.zeelos.leshan.avro.resource.AvroResource'].value;
  }

  /** Uploads as the server does, into its topic, while it is not running. */
  async function upload(to: TestGateway, change: (store: ModelStore) => Promise<unknown>): Promise<void> {
    const producer = new CommittingProducer(new KafkaBatchSender(to.kafka, log), log);
    const outbox = new Outbox(to.gatewayId, to.snapshot, producer);
    try {
      await change(new ModelStore({ models: coreObjectModels(), outbox, log }));
    } finally {
      await producer.close();
    }
  }

  it('reads with an uploaded model, also after it was killed, over that of the folder', async () => {
    writeFileSync(join(folder, '27123.xml'), meter('Boolean'));
    writeFileSync(join(folder, 'bad.xml'), '<!DOCTYPE LWM2M SYSTEM "http://127.0.0.1:9/x.dtd"><LWM2M/>');
    const started = await create({ modelsDir: folder });
    await started.start();
    assert.deepEqual(await recorded(started, 'folder', '1'), { boolean: true });
    await started.stop();

    await upload(started, async (store) => {
      await store.upload(meter('Integer'));
      await store.upload(meter('Float', '2.0'));
    });
    assert.deepEqual(
      [...(await started.state()).keys()].filter((key) => key.startsWith('model/')),
      ['model/27123/1.0', 'model/27123/2.0'],
    );
    await started.spawn();
    assert.deepEqual(await recorded(started, 'uploaded', '42'), { long: 42 });
    await started.kill();
    await started.spawn();
    assert.deepEqual(await recorded(started, 'killed', '42'), { long: 42 });
    assert.deepEqual(await recorded(started, 'second', '42', '</3/0>,</27123>;ver=2.0,</27123/0>'), { double: 42 });
    assert.equal(await started.metric('lwm2m_model_version_mismatch_total'), 0);
    assert.deepEqual(await recorded(started, 'third', 'off', '</3/0>,</27123>;ver=3.0,</27123/0>'), { string: 'off' });
    assert.equal(await started.metric('lwm2m_model_version_mismatch_total'), 1);
  });

  it('keeps an upload that it was killed right after', async () => {
    const started = await create({ rest: true });
    await started.spawn();
    const models = `http://127.0.0.1:${started.restPort}/api/v1/models`;
    const post = async (body: string) =>
      (await fetch(models, { method: 'POST', headers: { 'content-type': 'application/xml' }, body })).status;
    assert.deepEqual(await recorded(started, 'before', '42'), { string: '42' });
    assert.equal(await post(meter('Integer').replace('<Type>Integer', '<Type>Intager')), 400);
    assert.equal(await post(meter('Integer')), 201);
    await started.kill();
    await started.spawn();
    assert.deepEqual(await recorded(started, 'killed', '42'), { long: 42 });
    assert.equal((await fetch(`${models}/27123/1.0`, { method: 'DELETE' })).status, 204);
    assert.deepEqual(await recorded(started, 'removed', '42'), { string: '42' });
    await started.kill();
    await started.spawn();
    assert.deepEqual(await recorded(started, 'after', '42'), { string: '42' });
  });

  it('records the values of an object that it knows nothing of', async () => {
    const started = await create();
    await started.start();
    assert.deepEqual(await recorded(started, 'stranger', '21.5'), { string: '21.5' });
    assert.equal(await started.metric('lwm2m_notifications_undecodable_total'), 0);
  });

  it('does not start with a folder of models that is not there', async () => {
    const started = await create({ modelsDir: join(folder, 'no') });
    await assert.rejects(started.start(), { code: 'CONFIG_INVALID' });
    await assert.rejects(started.stop(), { code: 'CONFIG_INVALID' });
  });
});
