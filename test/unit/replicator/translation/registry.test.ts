import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type ErrorCode, PlatformError } from '../../../../common/errors.ts';
import { Registry } from '../../../../replicator/translation/registry.ts';
import { record, SmallRegistry } from './small-registry.ts';

const { signal } = new AbortController();

describe('replicator: a schema registry over HTTP', () => {
  let server: SmallRegistry;
  let registry: Registry;

  beforeEach(async () => {
    server = await SmallRegistry.start();
    registry = new Registry(server.url);
  });

  afterEach(() => server.stop());

  function answerWith(answer: (response: ServerResponse) => void): void {
    server.instead = (_, response) => {
      answer(response);
      return true;
    };
  }

  const json = (status: number, body: unknown) => (response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  const fails = (promise: Promise<unknown>, code: ErrorCode, words: RegExp) =>
    assert.rejects(promise, (error: unknown) => {
      assert.ok(error instanceof PlatformError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    });

  it('gives schema, type and references; undefined for an id that was never given out', async () => {
    const references = [{ name: 'x.R', subject: 'r', version: 1 }];
    const id = server.add('s', { ...record('S'), schemaType: 'JSON', references });
    assert.deepEqual(await registry.schemaById(id, signal), { ...record('S'), schemaType: 'JSON', references });
    assert.equal(await registry.schemaById(99, signal), undefined);
    assert.deepEqual(await registry.placesOf(id, signal), [{ subject: 's', version: 1 }]);
    assert.deepEqual(await registry.placesOf(99, signal), []);
    assert.equal((await registry.schemaAt({ subject: 's', version: 1 }, signal))?.schema, record('S').schema);
    assert.equal(await registry.schemaAt({ subject: 's', version: 2 }, signal), undefined);
  });

  it('reads references that are null, as some registries write none', async () => {
    answerWith(json(200, { schema: '"int"', references: null }));
    assert.deepEqual(await registry.schemaById(1, signal), { schema: '"int"', references: [] });
  });

  it('registers, and escapes the name of a subject', async () => {
    const schema = { ...record('S'), references: [] };
    const id = await registry.register('a/b?c d', schema, signal);
    assert.deepEqual(server.versions('a/b?c d'), [id]);
    assert.equal(await registry.versionOf('a/b?c d', schema, signal), 1);
  });

  for (const [status, code] of [
    [400, 'REGISTRY_REFUSED'],
    [401, 'REGISTRY_REFUSED'],
    [403, 'REGISTRY_REFUSED'],
    [409, 'REGISTRY_REFUSED'],
    [422, 'REGISTRY_REFUSED'],
    [404, 'REGISTRY_UNAVAILABLE'],
    [408, 'REGISTRY_UNAVAILABLE'],
    [429, 'REGISTRY_UNAVAILABLE'],
    [500, 'REGISTRY_UNAVAILABLE'],
    [503, 'REGISTRY_UNAVAILABLE'],
  ] as const)
    it(`calls status ${status} ${code} and repeats the reason`, async () => {
      answerWith(json(status, { error_code: status, message: 'because' }));
      await fails(registry.register('s', { ...record('S'), references: [] }, signal), code, /under s .*because/);
      await fails(registry.schemaById(1, signal), code, /because/);
    });

  for (const [what, answer] of Object.entries<(response: ServerResponse) => void>({
    'is no JSON': (response) => void response.end('<html>Please log in</html>'),
    'is no JSON and a 404': (response) => void response.writeHead(404).end('not found'),
    'has no schema in it': json(200, { hello: 'world' }),
    'is an id that no record can carry': json(200, { id: 2 ** 32, schema: 7 }),
    'leads elsewhere': (response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
    'breaks off': (response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('{"schema":');
      setImmediate(() => response.destroy());
    },
  }))
    it(`has no use for an answer that ${what}`, async () => {
      answerWith(answer);
      await fails(registry.schemaById(1, signal), 'REGISTRY_UNAVAILABLE', /127\.0\.0\.1/);
      await fails(registry.register('s', { schema: '"int"', references: [] }, signal), 'REGISTRY_UNAVAILABLE', /./);
    });

  it('reads 8 MiB of an answer and no more', async () => {
    let written = 0;
    answerWith((response) => {
      const chunk = Buffer.alloc(2 ** 20, ' ');
      const more = () => {
        while (!response.destroyed && written < 512 * 2 ** 20) {
          written += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on('drain', more);
      more();
    });
    await fails(registry.schemaById(1, signal), 'REGISTRY_UNAVAILABLE', /longer than 8388608 bytes/);
    assert.ok(written < 64 * 2 ** 20, `${written} bytes were sent`);
  });

  it('gives up when it is told to', async () => {
    const ending = new AbortController();
    server.instead = () => {
      ending.abort();
      return true;
    };
    await fails(registry.schemaById(1, ending.signal), 'REGISTRY_UNAVAILABLE', /does not answer/);
  });

  it('says so when nobody listens', async () => {
    await server.stop();
    await fails(registry.schemaById(1, signal), 'REGISTRY_UNAVAILABLE', /does not answer/);
    server = await SmallRegistry.start();
  });
});
