import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { parseTemplate, pathsFor } from '../../../../lwm2m-server/observation/desired-observations.ts';
import { parseAnnouncement } from '../../../../lwm2m-server/registration/announced-objects.ts';

const paths = (template: string, links: string) => pathsFor(parseTemplate(template), parseAnnouncement(links));

describe('lwm2m-server/observation/desired-observations', () => {
  it('stands for what a device announces', () => {
    const links = '</1/0>,</3303/0>,</3303/7>,</6>';
    assert.deepEqual(paths('/3303', links), ['/3303']);
    assert.deepEqual(paths('/3303/7', links), ['/3303/7']);
    assert.deepEqual(paths('/3303/*', links), ['/3303/0', '/3303/7']);
    assert.deepEqual(paths('/3303/*/5700', links), ['/3303/0/5700', '/3303/7/5700']);
    assert.deepEqual(paths('/3303/1/5700', links), []);
    assert.deepEqual(paths('/3304', links), []);
    assert.deepEqual(paths('/6', links), ['/6']);
    assert.deepEqual(paths('/6/*', links), []);
  });

  it('looks under the root path and takes an instance once', () => {
    assert.deepEqual(paths('/3303/*', '</x>;rt="oma.lwm2m",</x/3303/0>,</x/3303/0>,</3303/1>'), ['/3303/0']);
  });

  it('refuses what is no path', () => {
    for (const bad of [
      '',
      '/',
      '3303',
      '/*',
      '/3303/',
      '/3303/*/*',
      '/3303/0/5700/0',
      '/a',
      '/65535',
      '/3303/65535',
      '/3303/0/99999',
    ])
      assert.throws(
        () => parseTemplate(bad),
        (error) => hasCode(error, 'CONFIG_INVALID'),
        bad,
      );
  });
});
