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

/** Secrets of one task; the newest, since files may be changed. */
const TEXTS_LIMIT = 64;
/** A shorter one would be found everywhere. */
const SHORTEST_TEXT = 4;

/** What a task must not show, wherever an error carries it. */
export class SecretTexts {
  readonly #texts = new Set<string>();

  constructor(config: RawConfig) {
    const secrets = secretNames(config);
    for (const [name, text] of Object.entries(config)) if (secrets.has(name) && !hasReference(text)) this.add(text);
  }

  add(text: string): void {
    if (text.length < SHORTEST_TEXT) return;
    for (const one of [text, encodeURIComponent(text)]) {
      this.#texts.delete(one);
      this.#texts.add(one);
    }
    for (const oldest of this.#texts) {
      if (this.#texts.size <= TEXTS_LIMIT) break;
      this.#texts.delete(oldest);
    }
  }

  /** The text without them, and without the user of an address. */
  hiddenIn(text: string): string {
    let hidden = text;
    for (const secret of this.#texts) hidden = hidden.replaceAll(secret, HIDDEN);
    return hidden.replace(/\/\/[^/@\s]+@/g, `//${HIDDEN}@`);
  }
}

function secretNames(config: RawConfig): ReadonlySet<string> {
  const table: DefinitionTable = connectorClassOf(config['connector.class'])?.row.table ?? {};
  const known = Object.values(table).flatMap(({ type, names }) => (type === 'PASSWORD' ? names : []));
  // A class that nobody knows may still have been given one.
  const others = Object.keys(config).filter((name) => /password|token|secret|credential/i.test(name));
  return new Set([...known, ...others]);
}
