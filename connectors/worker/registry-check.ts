import { hasCode } from '../../common/errors.ts';
import { newestSchema } from '../../common/schema-registry.ts';
import { type Checked, checkConfig, checkFields } from '../config/connector-classes.ts';
import type { ConfigFaults, RawConfig } from '../config/definition.ts';

/**
 * As `checkConfig`, and whether the topics have the fields that the statements name, where the registry can tell.
 * @param away registries that do not answer; they are not asked again
 */
export async function checkWithRegistry(
  config: RawConfig,
  registryUrl: string,
  away = new Set<string>(),
): Promise<Checked> {
  const result = checkConfig(config);
  const url = (config['value.converter.schema.registry.url'] ?? registryUrl).replace(/\/+$/, '');
  if (away.has(url)) return result;
  let missing: readonly string[] = [];
  try {
    missing = await checkFields(result.mapping, (topic) => newestSchema(url, `${topic}-value`));
  } catch (error) {
    // A registry that is away says nothing against the configuration.
    if (!hasCode(error, 'REGISTRY_UNAVAILABLE')) throw error;
    away.add(url);
  }
  if (missing.length === 0) return result;
  const name = result.className === 'OrientSinkConnector' ? 'connect.orient.kcql' : 'connect.influx.kcql';
  const faults: ConfigFaults = new Map([
    ...result.faults,
    [name, missing.map((text) => `Invalid value for configuration ${name}: ${text}`)],
  ]);
  return { ...result, faults, checked: undefined, mapping: undefined };
}
