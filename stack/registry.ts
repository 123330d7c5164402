import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from './cache.ts';
import { jvmArgs } from './java.ts';
import { unpack } from './maven.ts';
import { LOOPBACK } from './ports.ts';
import type { Launch, ServerKind, ServerSite } from './server.ts';

const VERSION = '2.6.13.Final';
const ARCHIVE = `io.apicurio:apicurio-registry-app:${VERSION}:zip:all`;
const RUNNER = `apicurio-registry-app-${VERSION}-runner.jar`;

export const APICURIO: Artifact = {
  name: 'apicurio-registry',
  version: VERSION,
  recipe: ARCHIVE,
  tools: ['java', 'mvn'],
  needs: [],
  neededBytes: 600 * 2 ** 20,
  build: (job) => unpack(job, ARCHIVE),
};

export const REGISTRY: ServerKind = {
  name: 'registry',
  artifact: APICURIO,
  runTools: ['java'],
  ports: (ports) => [ports.registry],
  url: (ports) => `http://${LOOPBACK}:${ports.registry}/apis/ccompat/v7`,
  prepare: prepareRegistry,
  async isReady(site, signal) {
    const answer = await fetch(`${REGISTRY.url(site.ports)}/subjects`, { signal });
    return answer.ok && Array.isArray(await answer.json());
  },
};

async function prepareRegistry(site: ServerSite): Promise<Launch> {
  const data = join(site.home, 'data');
  mkdirSync(data, { recursive: true });
  const connections = ['initial-size', 'min-size'].map((size) => `-Dquarkus.datasource.jdbc.${size}=2`);
  return {
    program: 'java',
    args: [
      ...jvmArgs(site, { heapMegabytes: 256, quickCompilerOnly: true }),
      ...connections,
      '-jar',
      join(site.files, RUNNER),
    ],
    env: {
      // H2 writes commits half a second late by default: an id that was given out and then lost to a kill would be given to another schema.
      REGISTRY_DATASOURCE_URL: `jdbc:h2:file:${join(data, 'registry')};WRITE_DELAY=0`,
      QUARKUS_HTTP_HOST: LOOPBACK,
      QUARKUS_HTTP_PORT: String(site.ports.registry),
      QUARKUS_LOG_CONSOLE_COLOR: 'false',
      QUARKUS_BANNER_ENABLED: 'false',
    },
  };
}
