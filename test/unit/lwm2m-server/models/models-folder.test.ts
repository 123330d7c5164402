import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../../../common/log.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { loadModelsFolder } from '../../../../lwm2m-server/models/models-folder.ts';
import { ddfXml } from '../../../rig/ddf.ts';

describe('folder of models', () => {
  let folder: string;
  let warned: { file?: string; reason?: string; files?: number }[];
  const log = { warn: (found: object) => void warned.push(found) } as unknown as Log;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-models-'));
    warned = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, text: string | Uint8Array) => writeFileSync(join(folder, name), text);

  it('is read with its subfolders, over the built-in models', async () => {
    mkdirSync(join(folder, 'version_history'));
    mkdirSync(join(folder, '.git'));
    write('27000.xml', ddfXml({ id: 27000, version: '1.1', resources: [{ id: 1 }] }));
    write('version_history/27000-1_0.XML', ddfXml({ id: 27000, version: '1.0', resources: [{ id: 1 }] }));
    write('3.xml', ddfXml({ id: 3, name: 'Mine', version: '1.2', resources: [] }));
    write('README.md', 'no XML');
    write('DDF.xml', '<DDF/>');
    write('.git/x.xml', 'hidden');
    const models = coreObjectModels();
    assert.equal(await loadModelsFolder(folder, models, log), 3);
    assert.deepEqual(
      models.versionsOf(27000).map(({ version }) => version),
      ['1.1', '1.0'],
    );
    assert.equal(models.object(3)?.name, 'Mine');
    assert.deepEqual(warned, []);
  });

  it('names files that are no definitions, and loads the others', async () => {
    write('a.xml', '<html/>');
    write('b.xml', ddfXml({ id: 27000, version: '1.0', resources: [{ id: 1, type: 'Flaot' }] }));
    write('c.xml', Buffer.alloc(2_000_000, ' '));
    write('d.xml', ddfXml({ id: 27001, resources: [] }));
    mkdirSync(join(folder, 'e.xml'));
    symlinkSync('/nowhere', join(folder, 'f.xml'));
    const models = coreObjectModels();
    assert.equal(await loadModelsFolder(folder, models, log), 1);
    assert.equal(models.object(27001)?.version, '1.0');
    assert.equal(models.object(27000), undefined);
    assert.deepEqual(warned.map(({ file }) => file).sort(), ['a.xml', 'b.xml', 'c.xml', 'e.xml', 'f.xml']);
    assert.match(warned.find(({ file }) => file === 'b.xml')?.reason ?? '', /object 27000, resource 1: Type "Flaot"/);
  });

  it('names no more than twenty', async () => {
    for (let at = 0; at < 30; at++) write(`${at}.xml`, 'x');
    assert.equal(await loadModelsFolder(folder, coreObjectModels(), log), 0);
    assert.equal(warned.length, 21);
    assert.equal(warned.at(-1)?.files, 30);
  });

  it('must be there', async () => {
    const models = coreObjectModels();
    await assert.rejects(loadModelsFolder(join(folder, 'no'), models, log), { code: 'CONFIG_INVALID' });
  });
});
