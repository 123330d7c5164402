import assert from 'node:assert/strict';
import type { CoapResponse } from '../../../../lwm2m/coap/endpoint.ts';
import { WaitingCommand } from '../../../../lwm2m-server/bridge/waiting-command.ts';
import type { AvroRequest, AvroRequestKind, AvroRequestPayload } from '../../../../schemas/generated/records.ts';
import { MemoryGateway, settled } from '../gateway-in-memory.ts';

const PATH = '/3303/0/5700';
const WINDOW_MS = 93_000;
const EXECUTE = 'io.zeelos.leshan.avro.request.AvroExecuteRequest';
const CANCEL = 'io.zeelos.leshan.avro.request.AvroCancelRequest';

type More = Partial<Pick<AvroRequest, 'queue' | 'coalesce' | 'expiresAt' | 'timeoutMs'>> & {
  readonly path?: string;
  readonly body?: AvroRequestPayload['body'];
};

function request(kind: AvroRequestKind, ep: string, ticket: string, more: More = {}): AvroRequest {
  const { path = kind === 'execute' ? '/3/0/4' : PATH, body = null, ...rest } = more;
  const needed = kind === 'execute' ? { [EXECUTE]: { parameters: '' } } : body;
  return { serverId: 'gw1', ep, ticket, ...rest, payload: { kind, path, contentFormat: 'TEXT_CODE', body: needed } };
}

describe('lwm2m-server/queue-mode', () => {
  const gateways: MemoryGateway[] = [];
  let gateway: MemoryGateway;
  let sequence = 0;

  beforeEach(() => {
    gateway = begin(new MemoryGateway());
  });
  afterEach(() => {
    for (const one of gateways.splice(0)) {
      one.stop();
      void one.server.queues.idle();
    }
  });

  function begin(one: MemoryGateway): MemoryGateway {
    gateways.push(one);
    return one;
  }

  async function take(kind: AvroRequestKind, ep: string, ticket: string, more: More = {}): Promise<void> {
    const command = { request: request(kind, ep, ticket, more), receivedAtMs: gateway.nowMs, bytes: 100 };
    gateway.server.admission.admit(new WaitingCommand({ ...command, sequence: sequence++ }));
    await settled();
  }

  /** A device in queue mode that has said nothing for longer than its window. */
  async function sleeper(ep: string): Promise<string> {
    const id = await gateway.register(ep, '</3/0>,</3303/0>', undefined, ['b=UQ']);
    pass(WINDOW_MS);
    return id;
  }

  function pass(ms: number): void {
    gateway.nowMs += ms;
    gateway.elapsedMs += ms;
    gateway.server.tick();
  }

  async function update(id: string): Promise<void> {
    await gateway.request('POST', ['rd', id]);
    await settled();
  }

  const asked = () => gateway.asked.map(({ method, path }) => `${method} /${path.join('/')}`);
  const told = () =>
    gateway.replies.map(({ ticket, rep }) => {
      const words = Object.values(rep.body ?? {})[0] as { message?: string } | undefined;
      return `${ticket} ${rep.code} ${/^[A-Z\d_]+(?=:)/.exec(words?.message ?? '')?.[0] ?? ''}`.trim();
    });
  const kept = () => [...gateway.state.keys()].filter((key) => key.startsWith('command/'));
  const waiting = () => gateway.server.queues.list().filter(({ waits }) => waits);

  it('keeps no command whose reply is on its way: the entry would come after its tombstone', async () => {
    await gateway.register('a');
    gateway.hold();
    const command = new WaitingCommand({ request: request('read', 'a', '1'), receivedAtMs: 0, bytes: 1, sequence: 0 });
    gateway.server.admission.admit(command);
    await settled();
    assert.deepEqual(asked(), [`GET ${PATH}`]);
    gateway.server.store.keep(command);
    gateway.release();
    await settled();
    assert.deepEqual(told(), ['1 CONTENT']);
    assert.deepEqual(kept(), []);
  });

  it('sends at once to a device that is awake, and keeps nothing of it', async () => {
    await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
    await take('read', 'a', '1');
    assert.deepEqual(asked(), [`GET ${PATH}`]);
    assert.deepEqual(told(), ['1 CONTENT']);
    const entries = gateway.committed.filter(({ key }) => String(key).startsWith('command/'));
    assert.deepEqual(entries, [], 'neither an entry nor a tombstone of a read that ran at once');
  });

  it('holds back what is for a sleeper until its update, in order', async () => {
    const id = await sleeper('a');
    await take('read', 'a', '1');
    await take('execute', 'a', '2');
    assert.deepEqual(asked(), []);
    assert.deepEqual(told(), []);
    assert.equal(kept().length, 2);
    assert.deepEqual(
      waiting().map(({ id: place, ticket, kind, path, state, attempts }) => [
        place,
        ticket,
        kind,
        path,
        state,
        attempts,
      ]),
      [
        [String(sequence - 2), '1', 'read', PATH, 'queued', 0],
        [String(sequence - 1), '2', 'execute', '/3/0/4', 'queued', 0],
      ],
    );
    await update(id);
    assert.deepEqual(asked(), [`GET ${PATH}`, 'POST /3/0/4']);
    assert.deepEqual(told(), ['1 CONTENT', '2 CONTENT']);
    assert.deepEqual(kept(), []);
    assert.deepEqual(waiting(), []);
  });

  it('sends when the device registers anew, or notifies, or sends', async () => {
    await sleeper('a');
    await take('read', 'a', '1');
    await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
    assert.deepEqual(told(), ['1 CONTENT']);

    await take('observe', 'a', '2');
    const token = gateway.server.observations.byPath('a', PATH)!.token;
    pass(WINDOW_MS);
    await take('read', 'a', '3');
    assert.equal(told().length, 2);
    assert.equal(gateway.notify(token), undefined);
    await settled();
    assert.deepEqual(told(), ['1 CONTENT', '2 CONTENT', '3 CONTENT']);

    pass(WINDOW_MS);
    await take('read', 'a', '4');
    assert.equal(told().length, 3);
    await gateway.request('POST', ['dp']);
    await settled();
    assert.equal(told().at(-1), '4 CONTENT');
  });

  it('takes a device for awake as long as blocks come from it', async () => {
    await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
    let answer: (response: Partial<CoapResponse>) => void = () => undefined;
    gateway.answer = async () => await new Promise((resolve) => (answer = resolve));
    await take('read', 'a', '1');
    pass(WINDOW_MS - 1);
    gateway.asked[0]!.onProgress!({ receivedBytes: 1_024, totalBytes: undefined });
    pass(WINDOW_MS - 1);
    const registration = gateway.server.registrations.byEndpointName('a')!;
    assert.equal(gateway.server.presence.isAwake(registration), true);
    answer({ code: '2.05' });
    await settled();
    assert.deepEqual(told(), ['1 CONTENT']);
  });

  it('is not woken by whoever is not the device', async () => {
    await sleeper('a');
    await take('observe', 'a', '1');
    gateway.notify(Buffer.from('ffffffffffffffff', 'hex'));
    const elsewhere = { key: 'x', address: '127.0.0.1', port: 7 };
    await gateway.request('POST', ['dp'], { peer: elsewhere });
    await settled();
    assert.deepEqual(told(), []);
  });

  it('lets a read wait again that the device did not hear, and answers what may have run', async () => {
    const id = await sleeper('a');
    await take('read', 'a', '1');
    await take('execute', 'a', '2');
    gateway.answer = () => ({ code: 'timeout' });
    await update(id);
    assert.deepEqual(asked(), [`GET ${PATH}`]);
    assert.deepEqual(told(), []);
    assert.deepEqual(
      waiting().map(({ ticket, attempts }) => [ticket, attempts]),
      [
        ['1', 1],
        ['2', 0],
      ],
    );
    let calls = 0;
    gateway.answer = (): Partial<CoapResponse> => ({ code: ++calls === 1 ? '2.05' : 'timeout' });
    pass(1_000);
    await update(id);
    assert.deepEqual(told(), ['1 CONTENT', '2 INTERNAL_SERVER_ERROR COAP_TIMEOUT']);
    pass(1_000);
    await update(id);
    assert.equal(gateway.asked.length, 3, 'what may have run is not asked again');
  });

  it('answers at once what is not to wait, and what nobody understands', async () => {
    await sleeper('a');
    await take('read', 'a', '1', { queue: { boolean: false } });
    await take('read', 'a', '2', { path: '/3303/x' });
    await take('read', 'a', '3', { timeoutMs: { long: 0 } });
    assert.deepEqual(told(), [
      '1 INTERNAL_SERVER_ERROR COAP_TIMEOUT',
      '2 BAD_REQUEST LWM2M_PATH',
      '3 BAD_REQUEST LWM2M_REQUEST',
    ]);
    assert.deepEqual(asked(), []);
  });

  it('waits for a device that is away when asked to, else not', async () => {
    await take('read', 'a', '1', { queue: { boolean: true } });
    await take('read', 'a', '2');
    assert.deepEqual(told(), ['2 NOT_FOUND']);
    assert.equal(kept().length, 1);
    await gateway.register('a');
    assert.deepEqual(told(), ['2 NOT_FOUND', '1 CONTENT']);
    assert.deepEqual(kept(), []);
  });

  it('goes on waiting when the registration of a sleeper ends', async () => {
    const id = await sleeper('a');
    await take('read', 'a', '1');
    await gateway.request('DELETE', ['rd', id]);
    await settled();
    await take('read', 'a', '2');
    assert.deepEqual(told(), ['2 NOT_FOUND']);
    await gateway.register('a');
    assert.deepEqual(told(), ['2 NOT_FOUND', '1 CONTENT']);
  });

  it('answers the ends of waiting: its time, a cancel, a newer one', async () => {
    await sleeper('a');
    await take('read', 'a', 'late', { expiresAt: { long: gateway.nowMs - 1 } });
    await take('read', 'a', 'old');
    await take('read', 'a', 'new', { coalesce: { boolean: true } });
    await take('cancel', 'a', 'c1', { path: '/', body: { [CANCEL]: { ticket: 'new' } } });
    await take('cancel', 'a', 'c2', { path: '/', body: { [CANCEL]: { ticket: 'new' } } });
    await take('cancel', 'a', 'c3', { path: '/' });
    assert.deepEqual(told(), [
      'late PRECONDITION_FAILED EXPIRED',
      'old PRECONDITION_FAILED COALESCED',
      'new PRECONDITION_FAILED CANCELLED',
      'c1 CHANGED CANCELLED',
      'c2 NOT_FOUND',
      'c3 BAD_REQUEST LWM2M_REQUEST',
    ]);
    assert.deepEqual(kept(), []);
    assert.equal(gateway.counters.commands_expired, 1);
  });

  it('tells how far a body is that goes or comes block by block', async () => {
    await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
    let answer: (response: Partial<CoapResponse>) => void = () => undefined;
    gateway.answer = async () => await new Promise((resolve) => (answer = resolve));
    await take('read', 'a', '1');
    const transfer = () => gateway.server.queues.list('a')[0]!.transfer;
    assert.equal(transfer(), undefined);
    const lastBlockAtMs = gateway.nowMs;
    gateway.asked[0]!.onProgress!({ receivedBytes: 1_024, totalBytes: undefined });
    assert.deepEqual(transfer(), { direction: 'received', bytes: 1_024, totalBytes: undefined, lastBlockAtMs });
    gateway.asked[0]!.onProgress!({ sentBytes: 2_048, totalBytes: 9_000 });
    assert.deepEqual(transfer(), { direction: 'sent', bytes: 2_048, totalBytes: 9_000, lastBlockAtMs });
    answer({ code: '2.05' });
    await settled();
    assert.deepEqual(gateway.server.queues.list('a'), []);
  });

  it('does not take back what the device was asked', async () => {
    await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
    let answer: (response: Partial<CoapResponse>) => void = () => undefined;
    gateway.answer = async () => await new Promise((resolve) => (answer = resolve));
    await take('read', 'a', '1');
    assert.deepEqual(
      gateway.server.queues.list('a').map(({ state, attempts }) => [state, attempts]),
      [['sent', 1]],
    );
    await take('cancel', 'a', 'c', { path: '/', body: { [CANCEL]: { ticket: '1' } } });
    answer({ code: '2.05' });
    await settled();
    assert.deepEqual(told(), ['c PRECONDITION_FAILED SENT', '1 CONTENT']);
  });

  it('answers at once beyond the limit of what may wait in all', async () => {
    gateway = begin(new MemoryGateway({ commandQueueLimit: 2 }));
    await sleeper('a');
    for (const ticket of ['1', '2', '3']) await take('read', 'a', ticket);
    assert.deepEqual(told(), ['3 INTERNAL_SERVER_ERROR COAP_QUEUE_FULL']);
    assert.equal(waiting().length, 2);
    assert.equal(kept().length, 2);
  });

  it('tells listeners who is awake and who sleeps', async () => {
    const events: string[] = [];
    gateway.server.events.listen(({ kind, ...more }) => {
      if (kind === 'awake' || kind === 'sleeping') events.push(`${kind} ${Object.keys(more).join()}`);
    });
    const id = await sleeper('a');
    await update(id);
    pass(WINDOW_MS);
    assert.deepEqual(events, [
      'awake registration',
      'sleeping registration',
      'awake registration',
      'sleeping registration',
    ]);
  });

  describe('after a kill', () => {
    function restart(afterMs = 0): void {
      gateway = begin(MemoryGateway.after(gateway, { nowMs: gateway.nowMs + afterMs }));
    }

    it('holds back what waits, in its order, and sends it at the next update', async () => {
      const id = await sleeper('a');
      await take('execute', 'a', '1');
      await take('read', 'a', '2');
      await take('read', 'a', '3', { path: '/3303/0/5701' });
      await take('read', 'a', '4', { coalesce: { boolean: true } });
      const until = waiting().map(({ expiresAtMs }) => expiresAtMs);
      restart(1_000);
      await settled();
      assert.deepEqual(asked(), []);
      assert.deepEqual(
        waiting().map(({ ticket }) => ticket),
        ['1', '4', '3'],
      );
      assert.deepEqual(
        waiting().map(({ expiresAtMs }) => expiresAtMs),
        [until[0], until[1], until[2]],
      );
      await update(id);
      assert.deepEqual(asked(), ['POST /3/0/4', `GET ${PATH}`, 'GET /3303/0/5701']);
      assert.deepEqual(told(), ['2 PRECONDITION_FAILED COALESCED', '1 CONTENT', '4 CONTENT', '3 CONTENT']);
      assert.deepEqual(kept(), []);
    });

    it('never runs again what was with the device, and says so once', async () => {
      await gateway.register('a', '</3/0>', undefined, ['b=UQ']);
      gateway.answer = async () => await new Promise(() => undefined);
      await take('execute', 'a', '1');
      assert.equal(gateway.asked.length, 1);
      restart();
      await settled();
      assert.deepEqual(asked(), []);
      assert.deepEqual(told(), ['1 INTERNAL_SERVER_ERROR INTERRUPTED']);
      assert.deepEqual(kept(), []);
    });

    it('lets expire what waits for who never comes', async () => {
      await take('read', 'a', '1', { queue: { boolean: true }, expiresAt: { long: gateway.nowMs + 60 } });
      restart(30);
      gateway.nowMs += 31;
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      assert.deepEqual(told(), ['1 PRECONDITION_FAILED EXPIRED']);
      assert.deepEqual(kept(), []);
    });

    it('goes on serving a device whose window is not over', async () => {
      await gateway.register('a', '</3303/0>', undefined, ['b=UQ']);
      restart(WINDOW_MS - 1);
      await take('read', 'a', '1');
      assert.deepEqual(told(), ['1 CONTENT']);
    });
  });

  describe('for requests of this process', () => {
    it('resolves when the reply is recorded, and says whether it waits', async () => {
      const id = await sleeper('a');
      const submitted = await gateway.server.admission.submit(request('read', 'a', 'r1'));
      assert.equal(submitted.waits, true);
      assert.equal(kept().length, 1);
      await update(id);
      const told1 = await submitted.reply;
      assert.deepEqual([told1?.record.rep.code, told1?.failure], ['CONTENT', undefined]);
      const absent = await gateway.server.admission.submit(request('read', 'nobody', 'r2'));
      assert.equal(absent.waits, false);
      assert.equal((await absent.reply)?.failure, 'LWM2M_NOT_REGISTERED');
      assert.deepEqual(told(), ['r1 CONTENT', 'r2 NOT_FOUND']);
      assert.deepEqual(kept(), []);
    });

    it('takes no more than a device may have waiting', async () => {
      await sleeper('a');
      for (let n = 0; n < 100; n++) await gateway.server.admission.submit(request('read', 'a', `${n}`));
      for (let n = 0; n < 100; n++) void gateway.server.admission.submit(request('read', 'a', `x${n}`));
      await settled();
      assert.equal(waiting().length, 100);
      assert.equal(told().length, 100);
    });
  });
});
