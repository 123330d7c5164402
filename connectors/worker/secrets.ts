import { connectorClassOf } from '../config/connector-classes.ts';
import type { DefinitionTable, RawConfig } from '../config/definition.ts';
import { hasReference } from '../config/references.ts';

/** What stands in the place of a secret that was given as text. Sent back, it means: as it is. */
export const HIDDEN = '[hidden]';

/** A configuration as it may be shown: references to files as they are, other secrets hidden. */
export function shown(config: RawConfig): RawConfig {
  const secrets = secretNames(config);
  return Object.fromEntries(
    Object.entries(config).map(([name, text]) => [
      name,
      secrets.has(name) && text !== '' && !hasReference(text) ? HIDDEN : text,
    ]),
  );
}

/** The configuration with the secrets of the former one where they were sent back hidden. */
export function unhidden(config: RawConfig, former: RawConfig | undefined): RawConfig {
  const secrets = secretNames(config);
  return Object.fromEntries(
    Object.entries(config).map(([name, text]) => [
      name,
      secrets.has(name) && text === HIDDEN ? (former?.[name] ?? '') : text,
    ]),
  );
}

function secretNames(config: RawConfig): ReadonlySet<string> {
  const table: DefinitionTable = connectorClassOf(config['connector.class'])?.row.table ?? {};
  const known = Object.values(table).flatMap(({ type, names }) => (type === 'PASSWORD' ? names : []));
  // A class that nobody knows may still have been given one.
  const others = Object.keys(config).filter((name) => /password|token|secret|credential/i.test(name));
  return new Set([...known, ...others]);
}
