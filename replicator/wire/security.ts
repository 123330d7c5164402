/** Encryption of a connection. All texts are PEM. The broker's certificate is always checked. */
export interface TlsOptions {
  /** Whose certificates are trusted, in place of the system's. */
  readonly ca?: string;
  /** For a broker that asks for a certificate (mutual TLS). */
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  /** Name expected in the broker's certificate, where it is not the host's. */
  readonly serverName?: string;
}

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface SaslOptions {
  readonly mechanism: SaslMechanism;
  readonly username: string;
  /** Never in an error, never in a log. */
  readonly password: string;
}

export interface SecurityOptions {
  readonly tls?: TlsOptions;
  readonly sasl?: SaslOptions;
}
