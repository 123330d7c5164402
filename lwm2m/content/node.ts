/** The data types of resources. Unsigned integers are INTEGER and core links are STRING here. */
export const RESOURCE_TYPES = ['STRING', 'INTEGER', 'FLOAT', 'BOOLEAN', 'OPAQUE', 'TIME', 'OBJLNK'] as const;
export type ResourceType = (typeof RESOURCE_TYPES)[number];

export interface ObjectLink {
  readonly objectId: number; // 65535:65535 links to nothing
  readonly instanceId: number;
}

export type ResourceValue =
  | { readonly type: 'STRING'; readonly value: string }
  | { readonly type: 'INTEGER'; readonly value: number | bigint } // bigint only beyond ±(2^53 - 1)
  | { readonly type: 'FLOAT'; readonly value: number }
  | { readonly type: 'BOOLEAN'; readonly value: boolean }
  | { readonly type: 'OPAQUE'; readonly value: Uint8Array }
  | { readonly type: 'TIME'; readonly value: number } // ms since 1970; the wire has whole seconds
  | { readonly type: 'OBJLNK'; readonly value: ObjectLink };

/** At a resource instance path, `id` is the resource instance id. */
export interface SingleResource {
  readonly kind: 'resource';
  readonly id: number;
  readonly value: ResourceValue;
}

/** `values` is keyed by resource instance id; all of them have `type`. */
export interface MultipleResource {
  readonly kind: 'multipleResource';
  readonly id: number;
  readonly type: ResourceType;
  readonly values: ReadonlyMap<number, ResourceValue>;
}

export type Resource = SingleResource | MultipleResource;

export interface ObjectInstance {
  readonly kind: 'instance';
  readonly id: number;
  readonly resources: readonly Resource[];
}

export interface ObjectNode {
  readonly kind: 'object';
  readonly id: number;
  readonly instances: readonly ObjectInstance[];
}

export type Lwm2mNode = Resource | ObjectInstance | ObjectNode;
