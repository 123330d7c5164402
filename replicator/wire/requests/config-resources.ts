/** What has settings in Kafka, by its number on the wire. */
export const RESOURCE_TYPES = { topic: 2, broker: 4 } as const;
export type ResourceType = keyof typeof RESOURCE_TYPES;
