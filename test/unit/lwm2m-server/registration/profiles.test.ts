import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { hasCode, messageOf } from '../../../../common/errors.ts';
import { matches, matchesGlob, Profiles, parseProfiles } from '../../../../lwm2m-server/registration/profiles.ts';
import { sampleRegistration } from '../sample-registration.ts';

const log = pino({ level: 'silent' });

describe('lwm2m-server/registration/profiles', () => {
  it('matches names with any characters for *', () => {
    const yes: [string, string][] = [
      ['*', ''],
      ['*', 'anything'],
      ['a*', 'a'],
      ['*a', 'bca'],
      ['a*c*e', 'abcde'],
      ['**', 'x'],
      ['a', 'a'],
      ['a*b*', 'a-b-b'],
      ['[x]*', '[x]y'],
    ];
    const no: [string, string][] = [
      ['a', 'ab'],
      ['a*', 'ba'],
      ['aa*aa', 'aaa'],
      ['a*b*a', 'aba'.slice(0, 2)],
      ['a*bc*c', 'abc'],
      ['.*', 'x'],
    ];
    for (const [glob, text] of yes) assert.equal(matchesGlob(glob, text), true, `${glob} ${text}`);
    for (const [glob, text] of no) assert.equal(matchesGlob(glob, text), false, `${glob} ${text}`);
  });

  it('needs no longer for names made to be slow', () => {
    const startedAt = performance.now();
    assert.equal(matchesGlob(`${'*a'.repeat(100)}b*c`, 'a'.repeat(255)), false);
    assert.ok(performance.now() - startedAt < 50);
  });

  it('matches when all conditions hold', () => {
    const device = sampleRegistration(
      'sensor-7',
      { version: '1.1', profileId: '12', queueMode: true },
      '</3/0>,</3303/0>',
    );
    const holds = (match: object) => matches(parseProfiles(JSON.stringify([{ match }]), 'f')[0]!, device);
    for (const match of [
      {},
      { ep: 'sensor-*' },
      { objects: [3303, 3] },
      { version: '1.1' },
      { profileId: '12' },
      { queueMode: true },
      { ep: '*7', objects: [3], version: '1.1', profileId: '12', queueMode: true },
    ])
      assert.equal(holds(match), true, JSON.stringify(match));
    for (const match of [
      { ep: 'sensor' },
      { objects: [3303, 5] },
      { version: '1.0' },
      { profileId: '1' },
      { queueMode: false },
      { ep: 'sensor-*', version: '1.2' },
    ])
      assert.equal(holds(match), false, JSON.stringify(match));
  });

  it('names every fault of a file', () => {
    const faults: [string, RegExp][] = [
      ['', /no JSON/],
      ['{}', /the file: /],
      ['[{"observ": []}]', /observ/],
      ['[{"match": {"objects": [70000]}}]', /0\.match\.objects\.0/],
      ['[{}, {"observe": ["3303"], "awakeWindowMs": 1}]', /1\.awakeWindowMs/],
      ['[{}, {"observe": ["/3", "3303"]}]', /f: 1\.observe\.1: .*no path/],
      ['[{"observe": [{"path": "/3", "attributes": "x=1"}]}]', /0\.observe\.0/],
    ];
    for (const [text, expected] of faults)
      assert.throws(
        () => parseProfiles(text, 'f'),
        (error) => hasCode(error, 'CONFIG_INVALID') && expected.test(messageOf(error)),
        text,
      );
  });

  describe('of a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zeelos-profiles-'));
    const file = join(folder, 'profiles.json');
    after(() => rmSync(folder, { recursive: true }));
    const device = sampleRegistration('a', {}, '</3/0>');

    it('is read at the start and again when it changes, and a fault leaves what was', () => {
      writeFileSync(file, '[{"observe": ["/3/0"]}, {"match": {"ep": "a"}, "awakeWindowMs": 5000}]');
      const profiles = new Profiles(file, log);
      assert.equal(profiles.of(device).length, 2);
      assert.equal(profiles.awakeWindowMs(device), 5_000);
      assert.equal(profiles.reload(), false);
      writeFileSync(file, '[{"match": {"ep": "b"}}]');
      assert.equal(profiles.reload(), true);
      assert.deepEqual(profiles.of(device), []);
      assert.equal(profiles.awakeWindowMs(device), undefined);
      writeFileSync(file, '[');
      assert.equal(profiles.reload(), false);
      assert.equal(profiles.of(sampleRegistration('b')).length, 1);
      writeFileSync(file, '[{}, {}, {}]');
      assert.equal(profiles.reload(), true);
      assert.equal(profiles.of(device).length, 3);
    });

    it('must be there at the start, and may be absent altogether', () => {
      assert.throws(
        () => new Profiles(join(folder, 'none.json'), log),
        (error) => hasCode(error, 'CONFIG_INVALID'),
      );
      const none = new Profiles(undefined, log);
      assert.equal(none.reload(), false);
      assert.deepEqual(none.of(device), []);
    });
  });
});
