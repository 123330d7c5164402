import type { Counter } from 'prom-client';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { Registry } from './registry.ts';
import { RegistryTranslation } from './registry-translation.ts';
import { SchemaMap } from './schema-map.ts';

export interface TranslationSettings {
  readonly schemaIds: 'equal' | 'translate';
  readonly edgeRegistryUrl?: string | undefined;
  readonly cloudRegistryUrl?: string | undefined;
  readonly schemaMapFile?: string | undefined;
}

export interface TranslationContext {
  readonly gatewayId: string;
  readonly misses: Counter<'gateway'>;
  readonly signal: AbortSignal;
  readonly log: Log;
}

export interface Translations {
  readonly up: RegistryTranslation;
  readonly down: RegistryTranslation;
  /** Resolves when the file holds what was learnt. */
  close(): Promise<void>;
}

const PROOF_TIMEOUT_MS = 5_000;

/**
 * Both ways of one gateway; undefined where ids are equal. Waits for no registry: what is on disk is used, and proved as soon as it can be.
 * Errors: CONFIG_INVALID.
 */
export async function openTranslations(
  settings: TranslationSettings,
  { gatewayId, misses, signal, log }: TranslationContext,
): Promise<Translations | undefined> {
  const registries = registriesOf(settings);
  if (registries === undefined) return undefined;
  const map = new SchemaMap({ registries, file: settings.schemaMapFile, log });
  try {
    await map.prove(AbortSignal.any([signal, AbortSignal.timeout(PROOF_TIMEOUT_MS)]));
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    log.warn(
      { reason: messageOf(error) },
      'the schema map cannot be compared with its registry yet: it is used as it is',
    );
  }
  const shared = { registries, map, signal, onMiss: () => misses.inc({ gateway: gatewayId }) };
  misses.inc({ gateway: gatewayId }, 0);
  return {
    up: new RegistryTranslation({ ...shared, direction: 'up' }),
    down: new RegistryTranslation({ ...shared, direction: 'down' }),
    close: () => map.saved(),
  };
}

function registriesOf(settings: TranslationSettings): { edge: Registry; cloud: Registry } | undefined {
  if (settings.schemaIds === 'equal') return undefined;
  const { edgeRegistryUrl: edge, cloudRegistryUrl: cloud } = settings;
  if (edge === undefined || cloud === undefined)
    throw new PlatformError(
      'CONFIG_INVALID',
      '--schema-ids translate needs --edge-registry-url and --cloud-registry-url',
    );
  if (edge === cloud)
    throw new PlatformError(
      'CONFIG_INVALID',
      '--edge-registry-url and --cloud-registry-url are one registry: its ids need no translation',
    );
  for (const url of [edge, cloud])
    if (!URL.canParse(url) || new URL(url).username !== '')
      throw new PlatformError('CONFIG_INVALID', 'a registry address must be a URL without a name and password in it');
  return { edge: new Registry(edge), cloud: new Registry(cloud) };
}
