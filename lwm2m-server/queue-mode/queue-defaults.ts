/** MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2): so long a device that sent something listens for what comes back. */
export const AWAKE_WINDOW_MS = 93_000;
/** A week: longer than the lifetime of most registrations, which a sleeper renews. */
export const COMMAND_QUEUE_TTL_MS = 7 * 86_400_000;
export const COMMAND_QUEUE_LIMIT = 20_000;
