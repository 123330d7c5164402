/** What the endpoint counts. Names end up in metrics: add, never rename. */
export const COAP_COUNTERS = [
  'datagramsIn',
  'datagramsOut',
  'requestsIn',
  'notificationsIn',
  'responsesIn',
  'acknowledgementsIn',
  'resetsIn',
  'pingsIn',
  'acknowledgementsOut',
  'resetsOut',
  'retransmissions',
  'transmissionTimeouts',
  'duplicates',
  'malformed',
  'malformedHeader',
  'malformedEmpty',
  'malformedCode',
  'malformedToken',
  'malformedOptions',
  'malformedPayload',
  'badCriticalOptions',
  'unmatchedAcknowledgements',
  'unmatchedResponses',
  'droppedUnknownMessages',
  'droppedAtPeerLimit',
  'droppedAtRequestLimit',
  'droppedAtNotificationLimit',
  'droppedResponses',
  'repliesCut',
  'unwantedResponses',
  'refusedTransfers',
  'blockFailures',
  'handlerFailures',
  'internalFailures',
  'sendErrors',
] as const;

export type CoapCounter = (typeof COAP_COUNTERS)[number];
export type CoapCounters = Record<CoapCounter, number>;

export function createCounters(): CoapCounters {
  return Object.fromEntries(COAP_COUNTERS.map((name) => [name, 0])) as CoapCounters;
}
