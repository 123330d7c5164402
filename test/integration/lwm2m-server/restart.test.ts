import assert from 'node:assert/strict';
import { encoderFor } from '../../../common/records.ts';
import type { AvroRequest, AvroResponse, CommandState, ServerState } from '../../../schemas/generated/records.ts';
import { TOPICS } from '../../../schemas/topics.ts';
import { startGateway, useEdge } from '../../rig/edge.ts';
import { eventually, TestGateway } from '../../rig/gateway.ts';
import { AnsweringDevice } from './answering-device.ts';

const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';

function execute(gateway: TestGateway, ep: string, ticket: string, path = '/3/0/4'): AvroRequest {
  const body = { [EXECUTE]: { parameters: '' } };
  return {
    serverId: gateway.gatewayId,
    ep,
    ticket,
    payload: { kind: 'execute', path, contentFormat: 'TEXT_CODE', body },
  };
}

/** What a server that was killed may have left in its state topic. */
async function leave(gateway: TestGateway, key: string, body: ServerState['body']): Promise<void> {
  const topic = gateway.topicOf('state');
  const value = encoderFor(gateway.snapshot, `${topic}-value`, TOPICS.state.value).encode({ body });
  await gateway.produce({ topic, key, value });
}

describe('lwm2m-server stopped and started', function () {
  this.timeout(60_000);
  const devices: AnsweringDevice[] = [];
  let gateway: TestGateway;

  afterEach(async () => {
    for (const device of devices.splice(0)) await device.close();
    await gateway.close();
  });

  async function device(ep: string, answer?: AnsweringDevice['answer']): Promise<AnsweringDevice> {
    const started = await AnsweringDevice.start(gateway.coapPort, ep, answer);
    devices.push(started);
    return started;
  }

  it('goes on with registrations and observations as if nothing had been', async () => {
    gateway = await startGateway({ observe: ['/3303/0/5700'] });
    let token: Buffer | undefined;
    const sensor = await device('stays', (request, respond) => {
      token = request.token;
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1'), observe: 1 });
    });
    await eventually('the first value', async () => (await gateway.observations()).length === 1);
    const before = await gateway.state();
    await gateway.stop();
    await gateway.start();
    assert.deepEqual(JSON.stringify([...(await gateway.state())]), JSON.stringify([...before]));
    assert.equal(await sensor.notify(token!, 2, '2'), 'acknowledged');
    await sensor.update(sensor.location);
    assert.equal(sensor.requests.length, 1, 'it was observed anew');
    assert.equal((await gateway.observations()).length, 2);
    assert.deepEqual(
      (await gateway.registrations()).map(({ value }) => value!.kind),
      ['NEW', 'UPDATE'],
    );
  });

  it('has what a command observes taken up again after a kill: unheard at the update, and anew at the next registration', async () => {
    gateway = await TestGateway.create(await useEdge());
    await gateway.spawn();
    const tokens: string[] = [];
    const sensor = await device('wanted', ({ token }, respond) => {
      tokens.push(token.toString('hex'));
      respond({ code: '2.05', contentFormat: 0, payload: Buffer.from('1'), observe: tokens.length });
    });
    const replies = await gateway.follow<AvroResponse>('replies');
    const payload = { kind: 'observe', path: '/3303/0/5700', contentFormat: 'TEXT_CODE', body: null } as const;
    await gateway.command({ serverId: gateway.gatewayId, ep: 'wanted', ticket: 'mine', payload });
    await eventually('the reply', () => replies.length === 1);
    await gateway.kill();
    await gateway.spawn();
    assert.equal(tokens.length, 1);
    await sensor.update(sensor.location);
    await eventually('the check at the update', () => tokens.length === 2);
    assert.equal(tokens[1], tokens[0]);
    await sensor.deregister();
    await gateway.kill();
    await gateway.spawn();
    await sensor.register('</3303/0>');
    await eventually('the observation of the new registration', () => tokens.length === 3);
    assert.notEqual(tokens[2], tokens[0]);
    const values = async () => (await gateway.observations()).map(({ value }) => [value!.ticket, value!.observationId]);
    await eventually('its first value', async () => (await values()).length === 2);
    assert.deepEqual(
      await values(),
      tokens.slice(1).map((token) => ['mine', token]),
    );
  });

  it('stops in order: what runs is of unknown outcome, what waits has not been started and runs next time', async () => {
    gateway = await startGateway({ requestTimeoutMs: 20_000 });
    let mute = true;
    const doer = await device('doer', (_, respond) => (mute ? undefined : respond({ code: '2.04' })));
    const replies = await gateway.follow<AvroResponse>('replies');
    const runs = { ...execute(gateway, 'doer', 'runs'), requestedBy: { string: 'ana' } };
    await gateway.command(runs, execute(gateway, 'doer', 'waits', '/3/0/5'));
    await eventually('the device is asked', () => doer.requests.length === 1);
    const startedAt = Date.now();
    await gateway.stop();
    assert.ok(Date.now() - startedAt < 5_000, `stopping took ${Date.now() - startedAt} ms`);
    mute = false;
    const awayMs = Date.now() - startedAt;
    await gateway.start();
    await eventually('both replies', () => replies.length === 2);
    const { requestedBy, latencyMs } = replies[0]!.value!;
    assert.equal(requestedBy?.string, 'ana');
    assert.ok(latencyMs!.double >= awayMs, `${latencyMs!.double} ms, but it was away for ${awayMs}`);
    assert.deepEqual(
      replies.map(({ value }) => [value!.ticket, value!.rep.code]),
      [
        ['runs', 'INTERNAL_SERVER_ERROR'],
        ['waits', 'CHANGED'],
      ],
    );
    assert.deepEqual(new Set(doer.requests.map(({ path }) => path.join('/'))), new Set(['3/0/4', '3/0/5']));
  });

  it('does not answer again what a killed server had answered without clearing it away', async () => {
    gateway = await startGateway();
    const doer = await device('doer', (_, respond) => respond({ code: '2.04' }));
    const replies = await gateway.follow<AvroResponse>('replies');
    const answered = execute(gateway, 'doer', 'answered');
    await gateway.command(answered);
    await eventually('the reply', () => replies.length === 1);
    await gateway.stop();
    const command: CommandState = { request: answered, receivedAt: Date.now(), startedAt: { long: Date.now() } };
    const key = `command/${JSON.stringify(['doer', 'answered', 'execute', '/3/0/4'])}`;
    await leave(gateway, key, { 'io.zeelos.lwm2m.state.CommandState': command });
    await gateway.start();
    await eventually('the entry is cleared away', async () => !(await gateway.state()).has(key));
    await gateway.command(answered, execute(gateway, 'doer', 'next', '/3/0/5'));
    await eventually('the next reply', () => replies.length > 1);
    assert.deepEqual(
      replies.map(({ value }) => value!.ticket),
      ['answered', 'next'],
    );
    assert.equal(doer.requests.length, 2);
  });

  it('starts although strangers wrote into its topics', async () => {
    gateway = await startGateway();
    await device('known');
    await gateway.stop();
    const foreign = [null, Buffer.alloc(0), Buffer.from('hello'), Buffer.from([0, 0, 0, 255, 255, 1, 2, 3])];
    for (const name of ['state', 'replies', 'observations', 'registrations'] as const) {
      const topic = gateway.topicOf(name);
      await gateway.produce(...foreign.map((value, index) => ({ topic, key: `stranger-${index}`, value })));
    }
    await gateway.start();
    assert.equal(await gateway.metric('lwm2m_registrations'), 1);
  });

  it('keeps restored devices that it did not hear for long, for a while, and then lets them expire', async () => {
    gateway = await TestGateway.create(await useEdge());
    await gateway.start();
    await device('sleeper');
    const [entry] = [...(await gateway.state()).values()];
    await gateway.stop();
    const { registration } = (entry!.body as { 'io.zeelos.lwm2m.state.RegistrationState': { registration: object } })[
      'io.zeelos.lwm2m.state.RegistrationState'
    ];
    const old = { ...registration, ep: 'sleeper', lastUp: 0, regDate: 0, lt: 1 } as never;
    await leave(gateway, 'registration/sleeper', { 'io.zeelos.lwm2m.state.RegistrationState': { registration: old } });
    await gateway.start();
    assert.equal(await gateway.metric('lwm2m_registrations'), 1);
    await eventually('it expires', async () => (await gateway.registrations()).length === 2, 15_000);
    assert.equal((await gateway.registrations())[1]!.value!.kind, 'DELETE');
    assert.equal(await gateway.metric('lwm2m_registrations'), 0);
  });
});
