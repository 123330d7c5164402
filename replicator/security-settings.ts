import { readFileSync } from 'node:fs';
import { messageOf, PlatformError } from '../common/errors.ts';
import { oneOf, text, yesNo } from '../common/setting-types.ts';
import type { SettingsTable } from '../common/settings.ts';
import { SASL_MECHANISMS, type SaslMechanism, type SecurityOptions, type TlsOptions } from './wire/security.ts';

const mechanism = oneOf(...SASL_MECHANISMS).optional();
const optionalText = text.optional();
const optionalSwitch = yesNo.optional();

/** How each side is reached. What is secret stands in files. */
export const SECURITY_SETTINGS = {
  edgeTls: {
    about: "yes: TLS to the gateway's brokers; stands by itself when one of the files for it is named",
    schema: optionalSwitch,
  },
  edgeTlsCaFile: { about: "PEM file of who signs them, in place of the system's list", schema: optionalText },
  edgeTlsCertFile: { about: 'PEM file of our certificate, where they ask for one', schema: optionalText },
  edgeTlsKeyFile: { about: 'PEM file of its key', schema: optionalText },
  edgeSaslMechanism: { about: `how we say who we are: ${SASL_MECHANISMS.join(', ')}`, schema: mechanism },
  edgeSaslUsername: { about: 'as whom', schema: optionalText },
  edgeSaslPasswordFile: { about: 'file that holds the password', schema: optionalText },
  cloudTls: {
    about: "yes: TLS to the cloud's brokers; stands by itself when one of the files for it is named",
    schema: optionalSwitch,
  },
  cloudTlsCaFile: { about: "PEM file of who signs them, in place of the system's list", schema: optionalText },
  cloudTlsCertFile: { about: 'PEM file of our certificate, where they ask for one', schema: optionalText },
  cloudTlsKeyFile: { about: 'PEM file of its key', schema: optionalText },
  cloudSaslMechanism: { about: `how we say who we are: ${SASL_MECHANISMS.join(', ')}`, schema: mechanism },
  cloudSaslUsername: { about: 'as whom', schema: optionalText },
  cloudSaslPasswordFile: { about: 'file that holds the password', schema: optionalText },
} as const satisfies SettingsTable;

/** The part of the settings that belongs to one side, with names that say nothing of the side. */
export interface SideSecurity {
  readonly tls?: boolean | undefined;
  readonly tlsCaFile?: string | undefined;
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly saslMechanism?: SaslMechanism | undefined;
  readonly saslUsername?: string | undefined;
  readonly saslPasswordFile?: string | undefined;
}

/**
 * Reads the files; a changed file holds from the next start on. Undefined where neither TLS nor a user is set.
 * @param prefix of the flags, for messages: `--cloud-`
 * Errors: CONFIG_INVALID, without what stands in the files.
 */
export function securityOf(side: SideSecurity, prefix: string): SecurityOptions | undefined {
  const tls = tlsOf(side, prefix);
  const { saslMechanism: mechanism, saslUsername: username, saslPasswordFile: file } = side;
  if (mechanism === undefined && username === undefined && file === undefined)
    return tls === undefined ? undefined : { tls };
  if (mechanism === undefined || username === undefined || file === undefined)
    throw invalid(`${prefix}sasl-mechanism, ${prefix}sasl-username and ${prefix}sasl-password-file belong together`);
  const sasl = { mechanism, username, password: read(file, `${prefix}sasl-password-file`).replace(/\r?\n$/, '') };
  if (sasl.password === '') throw invalid(`${prefix}sasl-password-file ${file} is empty`);
  return { ...(tls === undefined ? {} : { tls }), sasl };
}

function tlsOf(side: SideSecurity, prefix: string): TlsOptions | undefined {
  const { tlsCaFile, tlsCertFile, tlsKeyFile } = side;
  const hasFile = tlsCaFile !== undefined || tlsCertFile !== undefined || tlsKeyFile !== undefined;
  if (side.tls === false && hasFile) throw invalid(`${prefix}tls is no, yet a file for it is named`);
  if (side.tls !== true && !hasFile) return undefined;
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined))
    throw invalid(`${prefix}tls-cert-file and ${prefix}tls-key-file belong together`);
  return {
    ...(tlsCaFile === undefined ? {} : { ca: pem(tlsCaFile, `${prefix}tls-ca-file`) }),
    ...(tlsCertFile === undefined ? {} : { cert: pem(tlsCertFile, `${prefix}tls-cert-file`) }),
    ...(tlsKeyFile === undefined ? {} : { key: pem(tlsKeyFile, `${prefix}tls-key-file`) }),
  };
}

function pem(file: string, flag: string): string {
  const content = read(file, flag);
  if (!content.includes('-----BEGIN ')) throw invalid(`${flag} ${file} holds no PEM`);
  return content;
}

function read(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `${flag} ${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function invalid(message: string): PlatformError {
  return new PlatformError('CONFIG_INVALID', message);
}
